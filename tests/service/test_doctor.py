"""`adaface doctor` says in a sentence what is wrong, and the exit status whether it would start."""

from __future__ import annotations

import json
import resource
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.doctor import limits
from service.settings import STARTER

from .serving import command, environment, server


class Report(NamedTuple):
    """What the doctor found: sentences by level and check."""

    code: int
    found: list[dict[str, str]]

    def says(self, level: str, check: str) -> str:
        """The sentences of a check, which all have that level."""
        found = [each for each in self.found if each["check"] == check]
        assert {each["level"] for each in found} == {level}, found
        return " ".join(each["says"] for each in found)


def examined(*arguments: str | Path, **settings: object) -> Report:
    """The doctor within this process, with exactly these FACE_* settings."""
    given = {name: each for name, each in environment(**settings).items() if "FACE_" in name}
    run = CliRunner().invoke(app, ["doctor", "--json", *map(str, arguments)], env=given)
    assert run.exception is None or isinstance(run.exception, SystemExit), run.exception
    return Report(run.exit_code, json.loads(run.stdout))


def listening() -> socket.socket:
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen()
    return holder


@pytest.fixture
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_sound_installation_has_no_problem_and_is_not_touched(tmp_path: Path) -> None:
    run = command("doctor", data_dir=tmp_path / "data", port=0)
    assert run.returncode == 0, run.stdout
    *lines, last = run.stdout.strip().splitlines()
    assert last.startswith("0 problems")
    assert all(line.split()[0] in {"ok", "warning"} for line in lines)
    for check in ("settings", "python", "onnxruntime", "opencv", "provider", "bundle", "data",
                  "disk", "root key", "keys", "address", "files", "memory", "cores"):  # fmt: skip
        assert any(f" {check}: " in line for line in lines), check
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_be_are_all_named(tmp_path: Path) -> None:
    report = examined(
        data_dir=tmp_path, prot=8000, teh_moon=1, fmr="often", threads=-1, provider="cuda"
    )
    said = report.says("problem", "settings")
    assert report.code == 1
    assert "FACE_PROT is no setting; did you mean FACE_PORT?" in said
    assert "FACE_TEH_MOON" in said
    assert "FACE_FMR cannot be 'often'" in said
    assert "FACE_THREADS" in said
    assert "CUDAExecutionProvider" in report.says("problem", "provider")  # the rest is looked at


def test_a_gpu_that_is_not_there_is_named(tmp_path: Path) -> None:
    report = examined(data_dir=tmp_path, provider="tensorrt", port=0)
    assert "TensorrtExecutionProvider" in report.says("problem", "provider")
    if not Path("/dev/nvidiactl").exists():
        assert "libcuda.so.1" in report.says("problem", "driver")


def test_two_packages_of_one_folder_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, package in (("onnxruntime_gpu", "onnxruntime"), ("opencv_python", "cv2")):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name.replace('_', '-')}\nVersion: 1.0\n")
        (folder / "RECORD").write_text(f"{package}/__init__.py,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    report = examined(data_dir=tmp_path / "data", port=0)
    assert "onnxruntime and onnxruntime-gpu" in report.says("problem", "onnxruntime")
    assert "opencv-python and opencv-python-headless" in report.says("problem", "opencv")


def test_a_damaged_bundle_is_named(tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(STARTER, tmp_path / "bundle"))
    content = bytearray((bundle / "recognizer.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "recognizer.onnx").write_bytes(content)
    report = examined("--bundle", bundle, data_dir=tmp_path / "data", next_bundle=tmp_path, port=0)
    assert report.code == 1
    assert "recognizer.onnx" in report.says("problem", "bundle")
    assert str(tmp_path / "bundle.json") in report.says("problem", "next bundle")


def test_a_bundle_without_calibration_and_a_rate_without_evidence_are_named(tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(STARTER, tmp_path / "bundle"))
    manifest = json.loads((bundle / "bundle.json").read_text())
    manifest |= {"score": None, "quality": None, "calibrated": None}
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    settings = {"data_dir": tmp_path / "data", "port": 0, "next_bundle": STARTER}
    report = examined("--bundle", bundle, **settings, fmr=0.5)
    found = [each for each in report.found if each["check"] == "bundle"]
    assert [each["level"] for each in found] == ["ok", "warning"]
    assert "adaface calibrate" in found[1]["says"]
    rates = [each for each in report.found if each["check"] == "next bundle"]
    assert [each["level"] for each in rates][-1] == "problem"
    assert "FACE_FMR" in rates[-1]["says"]
    report = examined(data_dir=tmp_path / "data", port=0, fmr=1e-9)
    assert report.code == 0
    assert "FACE_FMR=1e-09 is extrapolated" in str(report.found)


def test_a_data_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    report = examined(data_dir="/proc/adaface", port=0)
    assert "FACE_DATA_DIR" in report.says("problem", "data")
    assert "make room" in report.says("problem", "disk")
    (tmp_path / "file").write_text("in the way")
    report = examined(data_dir=tmp_path / "file" / "data", port=0)
    assert str(tmp_path / "file") in report.says("problem", "data")


def test_a_gallery_without_its_key_and_rights_too_wide_are_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    (data / "gallery.db").touch()
    report = examined(data_dir=data, port=0)
    assert "chmod 700" in report.says("warning", "data")
    assert "put the file back" in report.says("problem", "root key")
    data.chmod(0o700)
    (data / "root.key").write_text("00" * 32)
    (data / "root.key").chmod(0o644)
    report = examined(data_dir=data, port=0)
    assert report.code == 0
    assert "chmod 600" in report.says("warning", "root key")
    report = examined(data_dir=data, root_key="00" * 32, root_key_file=data / "root.key", port=0)
    assert "both set" in report.says("problem", "root key")


def test_an_open_door_is_named(tmp_path: Path) -> None:
    open_ = {"data_dir": tmp_path / "data", "host": "0.0.0.0", "port": 0}
    assert "adaface keys create" in examined(**open_).says("problem", "keys")
    report = examined(**open_, allow_anonymous=True)
    assert report.code == 0
    assert "0.0.0.0" in report.says("warning", "keys")


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with listening() as holder:
        port = holder.getsockname()[1]
        report = examined(data_dir=tmp_path / "data", port=port)
    assert str(port) in report.says("problem", "address")
    report = examined(data_dir=tmp_path / "data", host="no.such.host.invalid", port=0)
    assert "no.such.host.invalid" in report.says("problem", "address")


def test_beside_the_running_service_there_is_no_problem(tmp_path: Path) -> None:
    with server(tmp_path / "data") as running:
        report = examined(data_dir=tmp_path / "data", port=running.client.base_url.port)
        assert running.client.get("/readyz").status_code == 200
    assert report.code == 0, report
    assert "answers on" in report.says("warning", "address")
    assert any("Another process" in each["says"] for each in report.found)


@pytest.mark.parametrize(("exporter", "level"), [("pigeon", "problem"), ("otlp", "ok")])
def test_traces_that_cannot_be_sent_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exporter: str, level: str
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", exporter)
    report = examined(data_dir=tmp_path / "data", port=0)
    assert report.says(level, "traces")
    assert report.code == (level == "problem")


def test_an_installation_that_lacks_a_library_is_one_line(tmp_path: Path) -> None:
    broken = "raise ImportError('libGL.so.1: cannot open shared object file')"
    (tmp_path / "cv2.py").write_text(broken)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        run = command("doctor")
    assert run.returncode == 1
    [line] = run.stderr.strip().splitlines()
    assert "libGL.so.1" in line
    assert "requirements/serve.txt" in line


def test_limits_that_are_too_narrow_are_named(
    tmp_path: Path, few_files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "memory.max").write_text("500000000\n")
    monkeypatch.setattr(limits, "GROUP", tmp_path)  # a container's, as version 2 writes it
    report = examined(data_dir=tmp_path / "data", port=0, threads=4)
    assert "ulimit -n 456" in report.says("problem", "files")
    assert "0.5 GB of memory" in report.says("warning", "memory")
    assert "FACE_THREADS=2" in report.says("warning", "cores")
