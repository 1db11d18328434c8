"""Every command and answer that the documentation shows is run, or is listed here with a reason."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import PIL.Image
import pytest

from service.documents import ROOT
from service.settings import STARTER
from tests import photographs
from tests.service.serving import Server, server
from tests.service.snippets import Block, Shell, blocks, differences

PAGES = sorted(
    [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *ROOT.glob("docs/**/*.md")]
)  # fmt: skip
SERVER, TEST = "is what the tests' own server is started with", "is what runs this test"
TRAINING = "needs torch, which this environment does not have; tests/training runs it"
DATASET = (
    "needs a dataset that is not in the repository; tests/service/evaluate runs it on photographs"
)
ENGINE = (
    "needs a container engine; tests/service/test_containers.py and `make image-check` look at it"
)
GPU = "needs a GPU"
INSTALLS = "changes the environment it runs in"
# What cannot run here, by the beginning of a command; the longest that fits counts.
NOT_RUN = {
    "make serve": SERVER,
    "make test": TEST,
    "make train-environment": "makes the other environment",
    "make smoke": "takes three minutes and torch",
    ".venv-train/bin/": TRAINING,
    "for set in lfw": TRAINING,
    "adaface evaluate pairs": DATASET,
    "adaface evaluate quality": DATASET,
    "docker compose": ENGINE,
    'curl -H "X-API-Key: $(cat secrets/api_key)"': "is the answer of a container",
    ".venv/bin/pip": INSTALLS,
    "FACE_PROVIDER=cuda": GPU,
    "python -m tests.bench.gpu": GPU,
    "FACE_BUNDLE=$BUNDLE FACE_PROVIDER": GPU,
    "nvidia-smi": GPU,
    "pip install": INSTALLS,
    "npm": INSTALLS,
    "openapi-generator-cli": "needs Java; tests/clients/test_other_languages.py runs it",
    "python -m tests.service.compatibility": "tests/service/test_openapi_changes.py runs it",
    "FACE_PROT=8001": "says what this machine lacks; tests/service/test_doctor.py runs it",
    "curl -X POST localhost:8000/collections/default/calibration": "needs 20 persons of one's own; "
    "tests/service/test_gallery_health.py runs it",
    "curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' 'localhost:8000/identify?calibration=site'": "needs "
    "the calibration",
}  # fmt: skip
PROGRAMS = {"clients.md": "tests/clients/test_docs.py"}  # which runs the page's programs
OPTIONAL = re.compile(r" \[--[^]]*\]")  # how a synopsis shows what may be left out
LANGUAGES = {"sh", "python", "json", "text"}
FOUND = [
    block
    for page in PAGES
    for block in blocks(page)
    if block.page.name not in PROGRAMS or block.language not in {"python", "ts"}
]
COMMANDS = [(block, command) for block in FOUND for command in block.commands()]


def of(page: Path) -> list[Block]:
    return [block for block in FOUND if block.page == page]


def reason(command: str) -> str | None:
    """Why a command is not run here; None where it is."""
    fitting = [start for start in NOT_RUN if command.startswith(start)]
    return NOT_RUN[max(fitting, key=len)] if fitting else None


def pages_with_commands() -> list[Path]:
    run = {block.page for block, command in COMMANDS if reason(command) is None}
    return [page for page in PAGES if page in run]


def faces_of_the_group(running: Server) -> Iterator[bytes]:
    """A photograph of each of the six people of the group."""
    found = running.client.post(
        "/detect", content=photographs.group(), headers={"Content-Type": "image/jpeg"}
    )
    picture = PIL.Image.open(io.BytesIO(photographs.group()))
    for face in found.json()["faces"]:
        box, margin = face["bbox"], face["bbox"]["width"]
        left, top = box["x"] - margin, box["y"] - margin
        cut = picture.crop((int(left), int(top), int(left + 3 * margin), int(top + 3 * margin)))
        buffer = io.BytesIO()
        cut.save(buffer, "JPEG", quality=95)
        yield buffer.getvalue()


def fewest(persons: Path, people: Path) -> None:
    """The fewest photographs that calibrate: of 20 persons one, of the first another."""
    for person in sorted(persons.iterdir())[:20]:
        (people / person.name).mkdir(parents=True)
        for photograph in sorted(person.iterdir())[: 1 if any(people.glob("*/*")) else 2]:
            shutil.copyfile(photograph, people / person.name / photograph.name)


@pytest.fixture
def shell(
    request: pytest.FixtureRequest, tmp_path: Path, persons: Path
) -> Iterator[tuple[Shell, Path]]:
    """A page's folder, with the photographs that pages take for granted, and a service of its own."""
    page: Path = request.param
    (tmp_path / "models").symlink_to(ROOT / "models")
    for name, content in (
        ("photo.jpg", photographs.astronaut()),
        ("a.jpg", photographs.astronaut()),
        ("b.jpg", photographs.portrait()),
        ("group.jpg", photographs.group()),
    ):
        (tmp_path / name).write_bytes(content)
    shutil.copyfile(STARTER / "recognizer.onnx", tmp_path / "recognizer.onnx")
    people, asks = (
        tmp_path / "people",
        any("localhost:8000" in block.text for block in of(page)),
    )
    with server(tmp_path / "data") if asks else nullcontext() as running:
        if page.name != "tutorial.md":
            fewest(persons, people)
        elif running:
            for n, photograph in enumerate(faces_of_the_group(running)):
                (people / f"friend_{n}").mkdir(parents=True)
                (people / f"friend_{n}" / "photograph.jpg").write_bytes(photograph)
        yield Shell(tmp_path, address(running)), page


def address(running: Server | None) -> str:
    """Where a service is; nowhere where the page asks none."""
    return "nowhere" if running is None else running.client.base_url.netloc.decode()


@pytest.mark.parametrize("shell", pages_with_commands(), ids=lambda page: page.name, indirect=True)
def test_what_a_page_says_works(shell: tuple[Shell, Path]) -> None:
    reader, page = shell
    answered = False
    for block in of(page):
        for command in block.commands():
            if answered := reason(command) is None:
                reader.run(OPTIONAL.sub("", command))
        if block.language == "json":
            assert answered, f"{block}: an answer to nothing that is run"
            assert not reader.compare(block.text), block


@pytest.mark.parametrize("block", FOUND, ids=str)
def test_a_block_is_of_a_language_that_is_looked_at(block: Block) -> None:
    assert block.language in LANGUAGES
    assert block.language != "sh" or block.commands()


def test_no_reason_is_left_over() -> None:
    used = {
        max((start for start in NOT_RUN if command.startswith(start)), key=len)
        for _, command in COMMANDS
        if reason(command)
    }
    assert used == NOT_RUN.keys()
    reasons = " ".join([*NOT_RUN.values(), *PROGRAMS.values()])
    named = re.findall(r"tests/[\w/]+(?:\.py)?", reasons)
    assert named
    assert all((ROOT / name).exists() for name in named)


def test_an_answer_with_other_fields_is_noticed() -> None:
    shown = {"a": 1, "b": [{"c": "x"}], "d": "..."}
    assert differences(shown, {"a": 2.5, "b": [{"c": "y"}, {"c": "z"}], "d": None}) == []
    assert differences(shown, {"b": [{"c": "y"}], "d": 1}) == ["answer.a"]
    assert differences(shown, {"a": 1, "b": [{"c": 3}], "d": 1}) == ["answer.b[].c is 3"]
    assert differences(shown, {"a": 1, "b": [], "d": 1}) == ["answer.b is empty"]
    assert differences(shown, {"a": "1", "b": [{"c": "", "e": 1}], "d": 1}) == [
        "answer.a is '1'",
        "answer.b[].e",
    ]


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        text = page.read_text()
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith(("http", "mailto")):
                continue
            name, _, anchor = target.partition("#")
            linked = (page.parent / name).resolve() if name else page
            assert linked.exists(), (page.name, target)
            if anchor:
                assert anchor in anchors(linked), (page.name, target)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", each).lower() for each in headings]
    return {re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in plain}
