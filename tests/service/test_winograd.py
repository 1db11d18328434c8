"""The Winograd engine answers exactly as ONNX Runtime does, or not at all."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import onnx
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto

from models import bundle as bundles
from models.bundle import sha256
from models.golden import Features, picture
from service.embedding import Recognizer
from service.engine import Differs, agree, open_recognizer
from service.onnx import open_session
from service.settings import STARTER, Settings
from service.winograd import Unconvertible, converted
from service.winograd.network import Winograd

from .backbones import Graph, models
from .serving import server

GRAPH = STARTER / "recognizer.onnx"
CROPS = np.stack([picture(seed) for seed in range(7)])


def reference(path: Path = GRAPH) -> Recognizer:
    return Recognizer(open_session(path, provider="cpu", threads=2))


def winograd(path: Path, engines: Path) -> Recognizer:
    return Recognizer(Winograd(converted(path, sha256(path), engines), threads=2))


def given_settings(tmp_path: Path, **changes: object) -> Settings:
    return Settings(data_dir=tmp_path, threads=2).model_copy(update=changes)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


def test_batches_of_every_size_come_out_as_from_onnx_runtime(engines: Path) -> None:
    fast, exact = winograd(GRAPH, engines), reference()
    for count in (1, 2, 3, 7):
        agree(fast, exact, CROPS[:count])
        assert fast(CROPS[:count]).embeddings.shape == (count, 128)


def test_callers_side_by_side_get_their_own_answers(engines: Path) -> None:
    fast = winograd(GRAPH, engines)
    alone = [fast(CROPS[n : n + 1]).embeddings[0] for n in range(7)]
    orders = [np.random.default_rng(n).permutation(7)[: 1 + n % 7] for n in range(14)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda order: fast(CROPS[order]).embeddings, orders))
    for order, rows in zip(orders, found, strict=True):
        np.testing.assert_array_equal(rows, [alone[n] for n in order])


def test_a_mirrored_backbone_is_kept_once(engines: Path) -> None:
    conversion = converted(GRAPH, sha256(GRAPH), engines)
    assert [branch.stem for branch in conversion.branches] == ["0", "0"]
    size = (conversion.directory / "0.bin").stat().st_size
    assert size < 1.01 * GRAPH.stat().st_size


@given(model=models(), count=st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_any_backbone_of_known_layers_is_converted_exactly(
    engines: Path, model: ModelProto, count: int
) -> None:
    path = engines / "model.onnx"
    onnx.save(model, str(path))
    crops = np.random.default_rng(0).integers(0, 256, (count, 16, 20, 3), np.uint8)
    conversion = converted(path, sha256(path), engines)
    ours = Winograd(conversion, threads=2).run(["embedding", "norm"], {"images": crops})
    theirs = reference(path)(crops)
    shutil.rmtree(conversion.directory)
    np.testing.assert_allclose(ours[0], theirs.embeddings, atol=1e-5)
    np.testing.assert_allclose(ours[1], theirs.norms, rtol=1e-5)


def changed(tmp_path: Path, operator: str, **attributes: object) -> Path:
    graph = Graph(0)
    graph.convolve(4, (3, 3), 1, 1)
    graph.add(operator, **attributes)
    path = tmp_path / "changed.onnx"
    onnx.save(graph.model(by_product=False), str(path))
    return path


@pytest.mark.parametrize(
    ("operator", "attributes", "why"),
    [
        ("Erf", {}, "Erf is no operator it knows"),
        ("MaxPool", {"kernel_shape": [2, 2], "ceil_mode": 1}, "MaxPool with rounding up"),
        ("MaxPool", {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}, "automatic padding"),
    ],
)
def test_what_cannot_be_exact_is_named_and_nothing_is_written(
    tmp_path: Path, operator: str, attributes: dict[str, object], why: str
) -> None:
    path = changed(tmp_path, operator, **attributes)
    with pytest.raises(Unconvertible, match=why):
        converted(path, sha256(path), tmp_path / "engines")
    assert [each.name for each in (tmp_path / "engines").iterdir()] == ["lock"]


# The conversion is kept, and never half.


def test_a_conversion_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    engines = tmp_path / "data" / "engines"
    first = converted(GRAPH, sha256(GRAPH), engines)
    private = (engines.parent, engines, first.directory)
    assert {path.stat().st_mode & 0o777 for path in private} == {0o700}
    made = {path.name: path.stat().st_mtime_ns for path in first.directory.iterdir()}
    again = converted(Path("/gone"), sha256(GRAPH), engines)
    assert again == first
    assert {path.name: path.stat().st_mtime_ns for path in again.directory.iterdir()} == made


@pytest.mark.parametrize("name", ["0.bin", "0.param", "head.onnx", "plan.json"])
def test_a_damaged_conversion_is_made_again(tmp_path: Path, name: str) -> None:
    path = converted(GRAPH, sha256(GRAPH), tmp_path).directory / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert converted(GRAPH, sha256(GRAPH), tmp_path).directory == path.parent
    assert path.read_bytes() == whole


CONVERT = """
import sys; from pathlib import Path; from models.bundle import sha256
from service.winograd import converted
path = Path(sys.argv[1]); converted(path, sha256(path), Path(sys.argv[2]))
"""


def test_a_killed_conversion_leaves_nothing_half(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CONVERT, str(GRAPH), str(tmp_path)]
    with subprocess.Popen(command) as process:
        while process.poll() is None and not (tmp_path / "winograd.partial").exists():
            time.sleep(0.0005)
        os.kill(process.pid, signal.SIGKILL)
    kept = [path for path in tmp_path.iterdir() if path.name not in {"lock", "winograd.partial"}]
    if not kept:
        assert (tmp_path / "winograd.partial").exists()
    agree(winograd(GRAPH, tmp_path), reference(), CROPS)
    assert not (tmp_path / "winograd.partial").exists()


# Nothing answers that differs from ONNX Runtime.


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found._replace(embeddings=found.embeddings[::-1]),
        lambda found: found._replace(embeddings=2 * found.embeddings),
        lambda found: found._replace(norms=found.norms * np.float32(1.002)),
        lambda found: found._replace(norms=found.norms * np.nan),
        lambda found: found._replace(embeddings=found.embeddings + np.float32(0.001)),
    ],
)
def test_answers_that_differ_are_told_from_those_that_do_not(change: object) -> None:
    exact = reference()

    def altered(crops: np.ndarray) -> Features:
        assert callable(change)
        answer: Features = change(exact(crops))
        return answer

    agree(exact, exact, CROPS)
    with pytest.raises(Differs, match="differ"):
        agree(altered, exact, CROPS)


def _weights_that_are_wrong(tmp_path: Path) -> None:
    """A conversion whose sums are right and whose weights are another network's."""
    directory = converted(GRAPH, sha256(GRAPH), tmp_path / "engines").directory
    weights = np.frombuffer((directory / "0.bin").read_bytes(), "<f4").copy()
    weights[-40_000:] *= np.float32(1.5)
    (directory / "0.bin").write_bytes(weights.tobytes())
    plan = json.loads((directory / "plan.json").read_text())
    plan["files"]["0.bin"] = sha256(directory / "0.bin")
    (directory / "plan.json").write_text(json.dumps(plan))


def _a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("in the way")


@pytest.mark.parametrize(
    ("prepare", "why"), [(_weights_that_are_wrong, "differ"), (_a_file_in_the_way, "engines")]
)
def test_onnx_runtime_answers_otherwise_and_one_line_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, prepare: object, why: str
) -> None:
    assert callable(prepare)
    prepare(tmp_path)
    chosen = given_settings(tmp_path, engine="winograd")
    with caplog.at_level(logging.WARNING):
        assert open_recognizer(bundles.load(STARTER), chosen).engine == "onnxruntime"
    [line] = [record.getMessage() for record in caplog.records]
    assert why in line
    assert "FACE_ENGINE=onnxruntime" in line


@pytest.fixture
def without_ncnn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "ncnn", None)  # type: ignore[arg-type] # as if not installed
    return


@pytest.mark.usefixtures("without_ncnn")
def test_without_the_extra_the_line_says_how_to_install_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = given_settings(tmp_path, engine="winograd")
    assert open_recognizer(bundles.load(STARTER), chosen).engine == "onnxruntime"
    assert "pip install --no-deps -r requirements/image-cpu.txt" in caplog.text


def heavy(tmp_path: Path) -> Path:
    """The starter, whose manifest claims the parameters of an IR-101."""
    copy = Path(shutil.copytree(STARTER, tmp_path / "heavy"))
    manifest = bundles.load(copy).manifest
    bundles.write(copy, manifest.model_copy(update={"parameters": 65_000_000}))
    return copy


def test_auto_takes_it_for_large_recognizers_only(tmp_path: Path) -> None:
    chosen = given_settings(tmp_path)
    assert chosen.engine == "auto"
    assert open_recognizer(bundles.load(STARTER), chosen).engine == "onnxruntime"
    assert not (tmp_path / "engines").exists()
    assert open_recognizer(bundles.load(heavy(tmp_path)), chosen).engine == "winograd"


@pytest.mark.usefixtures("without_ncnn")
def test_auto_says_nothing_where_the_extra_is_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recognizer = open_recognizer(bundles.load(heavy(tmp_path)), given_settings(tmp_path))
    assert recognizer.engine == "onnxruntime"
    assert not caplog.records


def test_a_service_on_winograd_answers_as_one_on_onnx_runtime(
    tmp_path: Path, client: httpx.Client
) -> None:
    body = io.BytesIO()
    PIL.Image.fromarray(picture(1)).save(body, "PNG")
    ask = {"content": body.getvalue(), "headers": {"Content-Type": "image/png"}}
    with server(tmp_path / "data", engine="winograd") as running:
        assert "computed by ncnn" in running.log.read_text()
        faces = [
            each.post("/embed?aligned=true", **ask).raise_for_status().json()["faces"][0]
            for each in (client, running.client)
        ]
    one, other = (np.array(face["embedding"]) for face in faces)
    assert one @ other > 0.99999
    assert faces[0]["quality"]["norm"] == pytest.approx(faces[1]["quality"]["norm"], rel=1e-3)
