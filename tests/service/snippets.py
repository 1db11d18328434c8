"""The fenced blocks of a page of the documentation, and a shell in which its commands run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt

from tests.service.serving import ADDRESS, PATIENCE, environment

BIN = Path(sys.executable).parent
PYTHON = "python\n"  # begins what is no command of the shell
ELIDED = "..."  # in an answer that is shown: anything may stand here
# Commands that go to the running service and would look for it at its usual address.
REMOTE = re.compile(r"(adaface (?:enroll|export|import|backup)\b)(?!.*--url)")
SERVING = re.compile(r"\badaface serve\b")
TOKEN = re.compile(r"\bafk_\w{12}_[\w-]+")
CURL = 'curl() { command curl --silent --show-error --fail-with-body "$@"; }\n'


class Block(NamedTuple):
    """A fenced block, and the line it begins at."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    def commands(self) -> list[str]:
        """The commands of a shell block, one or more lines each; what is typed in a session of one.

        A block of Python is one command.
        """
        if self.language == "python":
            return [f"{PYTHON}{self.text}"]
        if self.language == "text":
            return re.findall(r"^\$ (.*)$", self.text, re.MULTILINE)
        return self._shell() if self.language == "sh" else []

    def _shell(self) -> list[str]:
        found: list[str] = []
        depth = 0
        for line in self.text.splitlines():
            begun = depth > 0 or (found and found[-1].endswith("\\"))
            if begun:
                found[-1] += "\n" + line
            elif line.strip() and not line.lstrip().startswith("#"):
                found.append(line)
            depth += len(re.findall(r"\bdo\b", line)) - len(re.findall(r"\bdone\b", line))
        return found


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "code_block":
            raise AssertionError(f"{page}: an indented block has no language; fence it")
        if token.type == "fence":
            assert token.map is not None
            yield Block(page, token.map[0] + 1, token.info.strip(), token.content)


def differences(shown: Any, real: Any, where: str = "answer") -> list[str]:
    """Where an answer that is shown has other fields, or fields of another kind, than the real one."""
    if shown == ELIDED or (isinstance(shown, str) and shown.endswith(ELIDED)):
        return []
    if isinstance(shown, dict) and isinstance(real, dict):
        other = [f"{where}.{name}" for name in sorted(shown.keys() ^ real.keys())]
        same = [differences(shown[n], real[n], f"{where}.{n}") for n in shown if n in real]
        return [*other, *(each for found in same for each in found)]
    if isinstance(shown, list) and isinstance(real, list):
        if bool(shown) != bool(real):
            return [f"{where} is {'empty' if shown else 'not empty'}"]
        return [
            each
            for a, b in zip(shown, real, strict=False)
            for each in differences(a, b, f"{where}[]")
        ]
    numbers = isinstance(shown, int | float) and isinstance(real, int | float)
    return [] if numbers or type(shown) is type(real) else [f"{where} is {real!r}"]


class Shell:
    """Runs commands as somebody who reads a page would, in a folder with what the page takes for granted.

    What the page calls localhost:8000 is the service at `address`; the last key that was printed
    stands for the page's `afk_...`.
    """

    def __init__(self, folder: Path, address: str, **settings: Any) -> None:
        self._folder, self._address, self._key = folder, address, "afk_"
        self.answer = ""  # of the last command
        self._environment = environment(**settings)
        self._environment |= {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)}

    def run(self, command: str) -> None:
        """Runs a command to its end, or a service until it serves; fails as it does."""
        here = self._here(command)
        if SERVING.search(here):
            return self._serve(here)
        is_python = here.startswith(PYTHON)
        words = [PYTHON.strip()] if is_python else ["bash", "-euo", "pipefail", "-c", CURL + here]
        done = subprocess.run(
            words,
            input=here.removeprefix(PYTHON) if is_python else None,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        self.answer = done.stdout
        if found := TOKEN.search(done.stdout):
            self._key = found[0]
        return None

    def compare(self, shown: str) -> list[str]:
        """How the answer that a page shows differs from the last one."""
        return differences(json.loads(shown), json.loads(self.answer))

    def _here(self, command: str) -> str:
        told = re.sub(r"(localhost|127\.0\.0\.1):8000", self._address, command)
        told = told.replace(".venv/bin/", f"{BIN}/").replace("afk_...", self._key)
        return REMOTE.sub(rf"\1 --url http://{self._address}", told)

    def _serve(self, command: str) -> None:
        """The service begins on a port and a gallery of its own, and is stopped."""
        own = {"FACE_PORT": "0", "FACE_DATA_DIR": str(self._folder / "another")}
        log = self._folder / ".serving"
        with log.open("wb") as output, subprocess.Popen(
            ["bash", "-c", f"exec env {command}"],
            cwd=self._folder,
            env=own | self._environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            deadline = time.monotonic() + PATIENCE
            while not ADDRESS.search(log.read_text()) and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, f"{command}\n{log.read_text()}"
