"""A service that cannot start says why in one line, and exits with status 1."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from service.settings import STARTER

from .serving import command, server


def refused(run: subprocess.CompletedProcess[str]) -> str:
    """The one line of a start that failed."""
    assert run.returncode == 1, run.stderr
    [line] = run.stderr.strip().splitlines()
    assert line.startswith("adaface: ")
    return line


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of the starter bundle to damage."""
    return Path(shutil.copytree(STARTER, tmp_path / "bundle"))


@pytest.mark.parametrize("name", ["recognizer.onnx", "detector.onnx", "MODEL_CARD.md"])
def test_a_flipped_byte_in_the_bundle_is_named(bundle: Path, tmp_path: Path, name: str) -> None:
    body = bytearray((bundle / name).read_bytes())
    body[len(body) // 2] ^= 1
    (bundle / name).write_bytes(body)
    line = refused(command("serve", bundle=bundle, data_dir=tmp_path / "data", port=0))
    assert name in line
    assert "sha256" in line


def _without_manifest(bundle: Path) -> None:
    (bundle / "bundle.json").unlink()


def _half_a_manifest(bundle: Path) -> None:
    path = bundle / "bundle.json"
    path.write_bytes(path.read_bytes()[:1000])


def _another_recognizer(bundle: Path) -> None:
    """The detector in the recognizer's place, with a manifest that agrees."""
    import hashlib

    shutil.copyfile(bundle / "detector.onnx", bundle / "recognizer.onnx")
    digest = hashlib.sha256((bundle / "recognizer.onnx").read_bytes()).hexdigest()
    _edited(bundle, lambda manifest: manifest["files"].update({"recognizer.onnx": digest}))


def _another_golden_norm(bundle: Path) -> None:
    def halve(manifest: dict) -> None:
        manifest["golden"][0]["norm"] /= 2

    _edited(bundle, halve)


def _edited(bundle: Path, change: Callable[[dict], None]) -> None:
    path = bundle / "bundle.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "damage", [_without_manifest, _half_a_manifest, _another_recognizer, _another_golden_norm]
)
def test_a_bundle_that_is_not_what_it_says_is_refused(
    bundle: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(bundle)
    line = refused(command("serve", bundle=bundle, data_dir=tmp_path / "data", port=0))
    assert str(bundle) in line


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        line = refused(command("serve", port=port, data_dir=tmp_path / "data"))
    assert str(port) in line


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for unusable in (Path("/proc/adaface"), tmp_path / "file" / "data"):
        (tmp_path / "file").write_text("in the way")
        line = refused(command("serve", data_dir=unusable, port=0))
        assert str(unusable) in line


def test_two_services_do_not_share_a_data_directory(tmp_path: Path) -> None:
    with server(tmp_path / "data"):
        line = refused(command("serve", data_dir=tmp_path / "data", port=0))
    assert str(tmp_path / "data") in line


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"prot": 8000}, "FACE_PROT"),
        ({"port": 99999}, "FACE_PORT"),
        ({"fmr": "often"}, "FACE_FMR"),
        ({"fmr": 0.5}, "FACE_FMR"),
        ({"host": "no.such.host.invalid"}, "no.such.host.invalid"),
        ({"provider": "cuda"}, "CUDAExecutionProvider"),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    tmp_path: Path, settings: dict[str, object], name: str
) -> None:
    given = {"data_dir": tmp_path / "data", "port": 0, **settings}
    assert name in refused(command("serve", **given))
