"""What `adaface models pull` and `catalogue` promise where there is no torch: detectors, and plain words."""

from __future__ import annotations

import json
import os
import pty
import resource
import subprocess
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from models import bundle as bundles
from models import catalogue as catalogues
from service.cli import app
from service.pull.recorded import Record, Recorded
from service.settings import STARTER
from tests import hub as hubs
from tests.hub import Hub

from .serving import ADAFACE, environment

NETWORK = (STARTER / bundles.DETECTOR).read_bytes()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hubs.hub() as running:
        yield running


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "pack.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("det.onnx", NETWORK)
    return path


@pytest.fixture
def catalogue(pack: Path, tmp_path: Path) -> Path:
    """A catalogue whose detector `seeing` is `pack`, in a release of /who/what."""
    return _catalogue(tmp_path, sha256(pack.read_bytes()).hexdigest())


def _catalogue(folder: Path, pinned: str) -> Path:
    member = {"path": "det.onnx", "sha256": sha256(NETWORK).hexdigest()}
    detector = {"pack": {"path": "who/what/pack.zip", "sha256": pinned}, "member": member}
    return hubs.catalogue(folder / "own.toml", detector=detector)


def called(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)])


def refusal(run: Result) -> str:
    assert run.exit_code == 1, run.output
    line = run.stderr.strip().splitlines()[-1]
    assert line.startswith("adaface: ")
    return line


def test_the_catalogue_names_every_model_with_its_license() -> None:
    shown = json.loads(called("catalogue", "--json").stdout)
    table = called("catalogue").stdout
    names = {each["name"] for kind in ("recognizers", "detectors") for each in shown[kind]}
    assert {"adaface-ir101-webface12m", "adaface-ir18-webface4m", "scrfd-10g"} <= names
    assert all(name in table for name in names)
    assert "research" in table


def test_a_recognizer_takes_the_training_environment(tmp_path: Path) -> None:
    run = called("pull", "adaface-ir18-webface4m", "--output", tmp_path / "new", "--accept-license")
    assert "make train-environment" in refusal(run)
    assert list(tmp_path.iterdir()) == []


def test_a_detector_goes_on_where_its_download_broke(
    hub: Hub, pack: Path, catalogue: Path, tmp_path: Path
) -> None:
    hub.files["/who/what/pack.zip"] = content = pack.read_bytes()
    hub.cut_after = 1000
    output = tmp_path / "detectors" / "seeing.onnx"
    arguments = ("pull", "seeing", "--catalogue", catalogue, "--output", output, "--github")
    assert "goes on from there" in refusal(called(*arguments, hub.url, "--accept-license"))
    hub.cut_after, hub.silent, hub.asked = None, False, []
    run = called(*arguments, hub.url, "--accept-license")
    assert run.exit_code == 0, run.output
    assert hub.ranges(".zip") == ["bytes=1000-"]
    assert output.read_bytes() == NETWORK
    assert sorted(each.name for each in output.parent.iterdir()) == [
        "models.lock.json",
        "seeing.onnx",
    ]
    lock = json.loads((output.parent / "models.lock.json").read_text())
    assert sha256(content).hexdigest() in lock["models"]["seeing"]["files"].values()


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(1, 400_000), max_size=5))
def test_wherever_the_line_is_cut_every_byte_is_fetched_once(cuts: list[int]) -> None:
    with hubs.hub() as hub, TemporaryDirectory() as folder:
        path, output = Path(folder, "pack.zip"), Path(folder, "new", "seeing.onnx")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("det.onnx", NETWORK)
        content = hub.files["/who/what/pack.zip"] = path.read_bytes()
        known = _catalogue(Path(folder), sha256(content).hexdigest())
        arguments = ("pull", "seeing", "--catalogue", known, "--output", output, "--github")
        for cut in cuts:
            hub.cut_after, hub.silent = cut, False
            called(*arguments, hub.url, "--accept-license")
            hub.cut_after, hub.silent = None, False
        if not output.exists():
            assert called(*arguments, hub.url, "--accept-license").exit_code == 0
        assert output.read_bytes() == NETWORK
        assert hub.sent == len(content)


def test_a_disk_that_takes_no_more_is_named_and_nothing_is_fetched_twice(
    hub: Hub, pack: Path, catalogue: Path, tmp_path: Path
) -> None:
    hub.files["/who/what/pack.zip"] = pack.read_bytes()
    output = tmp_path / "new" / "seeing.onnx"
    arguments = ("pull", "seeing", "--catalogue", catalogue, "--output", output, "--github")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        line = refusal(called(*arguments, hub.url, "--accept-license"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "make room" in line
    hub.asked = []
    assert called(*arguments, hub.url, "--accept-license").exit_code == 0
    assert hub.ranges(".zip") == ["bytes=300000-"]


def test_another_pack_than_is_known_is_refused_and_nothing_is_left(
    hub: Hub, pack: Path, tmp_path: Path
) -> None:
    [path] = [e.pack.path for e in catalogues.read().detectors if e.name == "scrfd-500m"]
    small = _catalogue(tmp_path, "0" * 64)
    hub.files |= {f"/{path}": pack.read_bytes(), "/who/what/pack.zip": pack.read_bytes()}
    for name, known in (("scrfd-500m", catalogues.OWN), ("seeing", small)):
        given = ("pull", name, "--catalogue", known, "--output", tmp_path / "new" / "d.onnx")
        line = refusal(called(*given, "--github", hub.url, "--accept-license"))
        assert "size" in line or "sha256" in line
        assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("form", ["network", "pack", "folder"])
def test_a_detector_can_be_brought_along(
    catalogue: Path, pack: Path, tmp_path: Path, form: str
) -> None:
    (tmp_path / "det.onnx").write_bytes(NETWORK)
    given = {"network": tmp_path / "det.onnx", "pack": pack, "folder": tmp_path}[form]
    output = tmp_path / "new" / "seeing.onnx"
    arguments = ("pull", "seeing", "--catalogue", catalogue, "--output", output, "--accept-license")
    run = called(*arguments, "--from", given)
    assert run.exit_code == 0, run.output
    assert output.read_bytes() == NETWORK
    assert "is there already" in refusal(called(*arguments, "--from", given))


@pytest.mark.parametrize(
    ("content", "remedy"), [(b"another", "fetch it again"), (None, "does not exist")]
)
def test_what_is_brought_along_is_checked(
    catalogue: Path, tmp_path: Path, content: bytes | None, remedy: str
) -> None:
    if content is not None:
        (tmp_path / "det.onnx").write_bytes(content)
    arguments = ("pull", "seeing", "--catalogue", catalogue, "--output", tmp_path / "new.onnx")
    run = called(*arguments, "--from", tmp_path / "det.onnx", "--accept-license")
    assert remedy in refusal(run)
    assert not (tmp_path / "new.onnx").exists()


@pytest.mark.parametrize("answer", ["n", "y"])
def test_at_a_terminal_the_license_is_asked_for(
    hub: Hub, pack: Path, catalogue: Path, tmp_path: Path, answer: str
) -> None:
    hub.files["/who/what/pack.zip"] = pack.read_bytes()
    output = tmp_path / "new" / "seeing.onnx"
    given = ["models", "pull", "seeing", "--catalogue", catalogue, "--output", output]
    keyboard, terminal = pty.openpty()
    os.write(keyboard, answer.encode() + b"\n")
    run = subprocess.run(
        [*ADAFACE, *map(str, given), "--github", hub.url],
        env=environment(),
        stdin=terminal,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(keyboard)
    os.close(terminal)
    assert "Only for tests." in run.stderr
    assert (run.returncode, output.exists()) == ((0, True) if answer == "y" else (1, False))
    assert output.parent.exists() == (answer == "y")
    assert bool(hub.asked) == (answer == "y")


def test_a_name_that_is_not_there_is_one_line_with_those_that_are(tmp_path: Path) -> None:
    line = refusal(called("pull", "adaface", "--output", tmp_path / "new"))
    assert "adaface-ir101-webface12m" in line
    options = ("--detector", "adaface-ir18-casia", "--output", tmp_path / "new")
    assert "scrfd-10g" in refusal(called("pull", "adaface-ir18-webface4m", *options))


def test_a_damaged_lock_is_named(catalogue: Path, pack: Path, tmp_path: Path) -> None:
    (tmp_path / "models.lock.json").write_text("{")
    arguments = ("pull", "seeing", "--catalogue", catalogue, "--output", tmp_path / "new.onnx")
    assert "models.lock.json" in refusal(called(*arguments, "--from", pack, "--accept-license"))


def test_a_damaged_pack_is_one_line(tmp_path: Path) -> None:
    parts = {"pack": {"path": "who/what/pack.zip"}, "member": {"path": "det.onnx"}}
    known = hubs.catalogue(tmp_path / "own.toml", detector=parts)
    pack = tmp_path / "pack.zip"
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("det.onnx", NETWORK)
    content = bytearray(pack.read_bytes())
    content[30 + len("det.onnx")] = 0xFF  # the first byte behind the header: no such kind of block
    pack.write_bytes(content)
    arguments = ("pull", "seeing", "--catalogue", known, "--output", tmp_path / "new.onnx")
    assert "fetch it again" in refusal(called(*arguments, "--from", pack, "--accept-license"))
    assert not (tmp_path / "new.onnx").exists()


def test_a_full_disk_leaves_no_half_detector(catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "det.onnx").write_bytes(NETWORK)
    output = tmp_path / "new" / "seeing.onnx"
    arguments = ("pull", "seeing", "--catalogue", catalogue, "--output", output, "--accept-license")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        assert "too large" in refusal(called(*arguments, "--from", tmp_path / "det.onnx"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not output.exists()
    assert called(*arguments, "--from", tmp_path / "det.onnx").exit_code == 0
    assert output.read_bytes() == NETWORK
    assert sorted(each.name for each in output.parent.iterdir()) == [
        "models.lock.json",
        "seeing.onnx",
    ]


def test_what_was_pulled_meanwhile_stays_on_record(tmp_path: Path) -> None:
    slow, quick = Recorded(tmp_path), Recorded(tmp_path)
    for each, name in ((quick, "small"), (slow, "large")):
        each.keep(name, Record(source="a hub", files={"model": "0" * 64}))
    assert Recorded(tmp_path).expected("small", "model") == "0" * 64
    assert Recorded(tmp_path).expected("large", "model") == "0" * 64
