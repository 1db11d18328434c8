"""What the commands promise."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import PIL.Image
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models import bundle as bundles
from models.golden import picture
from service.embedding import Recognizer
from service.onnx import open_session
from service.settings import STARTER
from tests import photographs

from .serving import command


def test_the_starter_bundle_is_listed_shown_and_verified() -> None:
    identity = bundles.load(STARTER).manifest.id
    listed = json.loads(command("models", "list", "--json").stdout)
    assert identity in [entry["id"] for entry in listed]
    assert identity in command("models", "list").stdout
    shown = json.loads(command("models", "show", "--json").stdout)
    assert shown["id"] == identity
    assert "FMR" in command("models", "show").stdout
    verified = command("models", "verify")
    assert verified.returncode == 0
    assert identity in verified.stdout


def test_embed_prints_a_line_for_each_photograph_and_names_the_bad_ones(tmp_path: Path) -> None:
    good, bad, missing = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"
    good.write_bytes(photographs.astronaut())
    bad.write_bytes(b"rubbish")
    run = command("embed", good, bad, missing)
    assert run.returncode == 1
    [line] = run.stdout.splitlines()
    document = json.loads(line)
    assert document["file"] == str(good)
    assert len(document["faces"][0]["embedding"]) == 128
    assert str(bad) in run.stderr
    assert str(missing) in run.stderr


@pytest.fixture(scope="session")
def persons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs each of 24 'persons': faces of two real ones, recolored and warped.

    Enough for the machinery of calibration; its numbers would mean nothing.
    """
    root = tmp_path_factory.mktemp("persons")
    face = (
        PIL.Image.open(io.BytesIO(photographs.astronaut())).convert("RGB").crop((120, 0, 330, 230))
    )
    for n in range(24):
        random = np.random.default_rng(n)
        directory = root / f"Person_{n}"
        directory.mkdir()
        size = (int(random.integers(190, 260)), int(random.integers(190, 260)))
        changed = face.resize(size).rotate(float(random.uniform(-20, 20)))
        for k in (1, 2):
            tint = np.asarray(changed, np.float64) * random.uniform(0.6, 1.1, 3)
            stored = PIL.Image.fromarray(np.clip(tint, 0, 255).astype(np.uint8))
            stored.save(directory / f"Person_{n}_{k:04d}.jpg", quality=92)
    return root


def test_evaluate_pairs_reports_what_machines_need(persons: Path, tmp_path: Path) -> None:
    lines = ["2\t2"]
    for fold in (0, 1):
        lines += [f"Person_{2 * fold + n}\t1\t2" for n in (0, 1)]
        lines += [f"Person_{2 * fold + n}\t1\tPerson_{10 + n}\t2" for n in (0, 1)]
    listed = tmp_path / "pairs.txt"
    listed.write_text("\n".join(lines))
    run = command("evaluate", "pairs", "--images", persons, "--pairs", listed, "--json")
    report = json.loads(run.stdout)
    assert report["pairs"] == 8
    assert report["photographs"] == 10
    assert report["failures"] == 0
    assert 0 <= report["accuracy"] <= 1
    assert set(report["tmr_at_fmr"]) == {"0.1", "0.01", "0.001"}
    assert "accuracy" in command("evaluate", "pairs", "--images", persons, "--pairs", listed).stdout


@pytest.mark.parametrize(
    "text", ["", "rubbish", "1\t1\nPerson_0\t1\t2", "1\t1\nPerson_0\t1\t2\nPerson_0\tx\ty\tz"]
)
def test_a_pairs_file_that_is_none_is_one_line(persons: Path, tmp_path: Path, text: str) -> None:
    listed = tmp_path / "pairs.txt"
    listed.write_text(text)
    run = command("evaluate", "pairs", "--images", persons, "--pairs", listed)
    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1
    assert str(listed) in run.stderr


def test_a_missing_photograph_is_one_line(tmp_path: Path) -> None:
    listed = tmp_path / "pairs.txt"
    listed.write_text("1\t1\nA\t1\t2\nA\t1\tB\t1\n")
    run = command("evaluate", "pairs", "--images", tmp_path, "--pairs", listed)
    assert run.returncode == 1
    assert "A_0001.jpg does not exist" in run.stderr


def float_recognizer(path: Path) -> NDArray[np.float32]:
    """Writes a linear recognizer of mean colors that expects float NCHW; its weights."""
    weights = np.random.default_rng(0).normal(size=(3 * 16, 32)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["x"], ["pooled"], kernel_shape=[28, 28], strides=[28, 28]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["feature"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info("feature", TensorProto.FLOAT, ["n", 32])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return weights


@pytest.mark.parametrize("colors", ["rgb", "bgr"])
def test_a_foreign_recognizer_is_wrapped_with_its_own_colors(tmp_path: Path, colors: str) -> None:
    from service.wrapping import wrapped

    weights = float_recognizer(tmp_path / "foreign.onnx")
    model = wrapped(tmp_path / "foreign.onnx", colors, mean=127.5, scale=128.0)
    onnx.save(model, str(tmp_path / "wrapped.onnx"))
    session = open_session(tmp_path / "wrapped.onnx", provider="cpu", threads=1)
    crop = picture(1)
    [embedding], [norm] = Recognizer(session)(crop[np.newaxis])
    planes = crop.astype(np.float32)[:, :, ::-1] if colors == "bgr" else crop.astype(np.float32)
    pooled = ((planes - 127.5) / 128).reshape(4, 28, 4, 28, 3).mean(axis=(1, 3))
    feature = pooled.transpose(2, 0, 1).reshape(-1) @ weights
    assert norm == pytest.approx(np.linalg.norm(feature), rel=1e-4)
    assert np.allclose(embedding, feature / np.linalg.norm(feature), atol=1e-4)


def test_import_makes_a_bundle_that_serves(persons: Path, tmp_path: Path) -> None:
    made = tmp_path / "mine"
    run = command(
        "models", "import", STARTER / "recognizer.onnx", "--out", made, "--images", persons,
        "--name", "mine", "--license", "test", "--loss-constant", "margin=0.4",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert bundles.load(made).manifest.loss.constants == {"margin": 0.4}
    assert "mine-1.0.0-" in command("models", "verify", made).stdout
    again = command(
        "models", "import", STARTER / "recognizer.onnx", "--out", made, "--images", persons,
        "--name", "mine",
    )  # fmt: skip
    assert again.returncode == 1
    assert "holds a bundle already" in again.stderr


def test_describe_adds_measured_numbers_and_a_card(tmp_path: Path) -> None:
    mine = Path(shutil.copytree(STARTER, tmp_path / "mine"))
    pairs, quality = tmp_path / "pairs.json", tmp_path / "quality.json"
    pairs.write_text('{"failures": 1, "tmr_at_fmr": {"0.01": 0.8}}')
    quality.write_text('{"failures": 288}')
    (tmp_path / "card.md").write_text("# Mine")
    options = ("--report", pairs, "--report", quality, "--card", tmp_path / "card.md")
    assert command("models", "describe", mine, *options).returncode == 0
    metrics = bundles.load(mine).manifest.metrics
    assert metrics["pairs.tmr_at_fmr.0.01"] == 0.8
    assert (metrics["pairs.failures"], metrics["quality.failures"]) == (1, 288)
    assert command("models", "verify", mine).returncode == 0
    quality.write_text("rubbish")
    assert command("models", "describe", mine, *options).returncode == 1


def test_import_refuses_what_it_would_have_to_guess(persons: Path, tmp_path: Path) -> None:
    float_recognizer(tmp_path / "foreign.onnx")
    (tmp_path / "rubbish.onnx").write_bytes(b"rubbish")
    for name, said in (("foreign.onnx", "--colors"), ("rubbish.onnx", "not a readable ONNX")):
        run = command(
            "models", "import", tmp_path / name, "--out", tmp_path / "new", "--images", persons,
            "--name", "new",
        )  # fmt: skip
        assert run.returncode == 1
        assert said in run.stderr
        assert len(run.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()
