"""Writes the pinned requirement files: `python requirements/lock.py`.

pip resolves the dependencies of pyproject.toml; what it would install is written down. Two things
are left out. opencv-python, which insightface asks for: it is the same `cv2` as
opencv-python-headless with a GUI that needs libGL, and two packages that own one folder break
each other. hf-xet, which huggingface-hub asks for: only its own downloads use it, and they cannot go
on after a break. So the files are installed with `pip install --no-deps`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
LEFT_OUT = frozenset({"opencv-python", "hf-xet", "adaface-service"})
HEADER = "# Written by requirements/lock.py; install with: pip install --no-deps -r {name}\n"


def resolve(wanted: list[str]) -> list[str]:
    """The `name==version` lines pip would install into an empty environment for `wanted`."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
    command += ["--ignore-installed", "--report", "-", *wanted]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603
    metadata = [entry["metadata"] for entry in report["install"]]
    named = {entry["name"].lower().replace("_", "-"): entry["version"] for entry in metadata}
    return [f"{name}=={named[name]}" for name in sorted(named) if name not in LEFT_OUT]


def main() -> None:
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    serve = resolve(project["dependencies"])
    files = {"serve": serve}
    files["test"] = resolve([*serve, *extras["winograd"], *extras["tracing"], *extras["test"]])
    files["clients"] = resolve(extras["clients"])
    files["bench"] = resolve([*files["test"], *extras["bench"]])
    # torch itself is installed by name: its file may lie on the disk, and is pinned in pyproject.
    beside_torch = [each for each in extras["train"] if not each.startswith("torch==")]
    files["train"] = resolve([*files["test"], *beside_torch])
    for name, lines in files.items():
        path = HERE / f"{name}.txt"
        path.write_text(HEADER.format(name=path.name) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
