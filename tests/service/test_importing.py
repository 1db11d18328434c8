"""What `adaface models import` and `adaface calibrate` promise."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from models import bundle as bundles
from models.golden import picture
from service.cli import app
from service.embedding import Recognizer
from service.onnx import open_session
from service.settings import STARTER

from .serving import command, environment

RECOGNIZER = STARTER / "recognizer.onnx"


Run = subprocess.CompletedProcess[str]


def called(*arguments: str | Path) -> Run:
    """The command within this process: a start costs more than most of what is asked here."""
    ran = CliRunner().invoke(app, [str(each) for each in arguments])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return Run(list(arguments), ran.exit_code, ran.stdout, ran.stderr)


def refused(run: Run) -> str:
    """The one line of a command that failed."""
    assert run.returncode == 1, run.stderr
    [line] = run.stderr.strip().splitlines()
    return line


@pytest.fixture(scope="module")
def people(persons: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fewest photographs that calibrate: of 20 persons one, of the first another."""
    root = tmp_path_factory.mktemp("people")
    for n in range(20):
        (root / f"Person_{n}").mkdir()
        for k in (1, 2)[: 2 if n == 0 else 1]:
            name = f"Person_{n}/Person_{n}_{k:04d}.jpg"
            shutil.copyfile(persons / name, root / name)
    return root


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


def test_import_makes_a_bundle_that_serves(people: Path, tmp_path: Path) -> None:
    made = tmp_path / "mine"
    run = command(
        "models", "import", RECOGNIZER, "--out", made, "--images", people,
        "--name", "mine", "--license", "test", "--loss-constant", "margin=0.4",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    kept = bundles.load(made).manifest
    assert kept.loss.constants == {"margin": 0.4}
    assert kept.score is not None
    assert kept.quality is not None
    assert "mine-1.0.0-" in called("models", "verify", made).stdout


def test_import_refuses_what_it_would_have_to_guess(people: Path, tmp_path: Path) -> None:
    float_recognizer(tmp_path / "foreign.onnx")
    (tmp_path / "rubbish.onnx").write_bytes(b"rubbish")
    for name, said in (("foreign.onnx", "--color "), ("rubbish.onnx", "not a readable ONNX")):
        options = ("--out", tmp_path / "new", "--images", people, "--name", "new")
        assert said in refused(called("models", "import", tmp_path / name, *options))
    assert not (tmp_path / "new").exists()


def test_a_foreign_onnx_needs_no_photographs_only_its_colors(tmp_path: Path) -> None:
    foreign = tmp_path / "W600k R50.onnx"
    float_recognizer(foreign)
    line = refused(called("models", "import", foreign, "--output", tmp_path / "new"))
    assert "--color bgr" in line
    assert "--color rgb" in line
    assert not (tmp_path / "new").exists()
    run = called("models", "import", foreign, "--output", tmp_path / "new", "--color", "bgr")
    assert run.returncode == 0, run.stderr
    kept = bundles.load(tmp_path / "new").manifest
    assert kept.name == "w600k-r50"
    assert (kept.score, kept.quality) == (None, None)
    assert "is not calibrated" in run.stdout
    assert f"adaface calibrate {tmp_path / 'new'} --images" in run.stdout
    assert called("models", "verify", tmp_path / "new").returncode == 0


def test_the_older_names_of_the_options_are_kept(tmp_path: Path) -> None:
    float_recognizer(tmp_path / "foreign.onnx")
    options = ("--out", tmp_path / "new", "--colors", "rgb")
    assert called("models", "import", tmp_path / "foreign.onnx", *options).returncode == 0
    assert bundles.load(tmp_path / "new").manifest.name == "foreign"


@pytest.mark.parametrize("options", [("--name", "Not A Name"), ("--version", "first")])
def test_a_name_no_manifest_can_hold_is_one_line(tmp_path: Path, options: tuple[str, str]) -> None:
    line = refused(called("models", "import", RECOGNIZER, "--output", tmp_path / "new", *options))
    assert options[1] in line
    assert not (tmp_path / "new").exists()


def test_an_existing_bundle_is_not_overwritten(tmp_path: Path) -> None:
    mine = Path(shutil.copytree(STARTER, tmp_path / "mine"))
    before = (mine / bundles.MANIFEST).read_bytes()
    line = refused(called("models", "import", RECOGNIZER, "--output", mine))
    assert "holds a bundle already" in line
    assert (mine / bundles.MANIFEST).read_bytes() == before


def test_photographs_of_too_few_people_leave_nothing_behind(people: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for n in range(3):
        shutil.copytree(people / f"Person_{n}", few / f"Person_{n}")
    options = ("--output", tmp_path / "new", "--images", few)
    assert "at least 20 people" in refused(called("models", "import", RECOGNIZER, *options))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few"]


def test_calibrate_gives_a_bundle_what_import_would_have(people: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    assert called("models", "import", RECOGNIZER, "--output", mine).returncode == 0
    before = bundles.load(mine).manifest
    run = command("calibrate", mine, "--images", people, "--calibrated-on", "one, recolored")
    assert run.returncode == 0, run.stderr
    after = bundles.load(mine).manifest
    assert after.id == before.id
    assert after.golden == before.golden
    assert after.score is not None
    assert after.quality is not None
    assert after.score.data == "one, recolored"
    assert "impostor" in run.stdout
    assert called("models", "verify", mine).returncode == 0
    assert "--again" in refused(called("calibrate", mine, "--images", people))
    assert sorted(path.name for path in mine.iterdir()) == [
        "bundle.json", "detector.onnx", "recognizer.onnx",
    ]  # fmt: skip


def test_a_calibration_that_fails_leaves_the_bundle_as_it_was(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    assert called("models", "import", RECOGNIZER, "--output", mine).returncode == 0
    before = (mine / bundles.MANIFEST).read_bytes()
    (tmp_path / "empty").mkdir()
    line = refused(called("calibrate", mine, "--images", tmp_path / "empty"))
    assert "holds no photographs" in line
    assert (mine / bundles.MANIFEST).read_bytes() == before


def test_quality_is_not_evaluated_where_there_is_none(people: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    assert called("models", "import", RECOGNIZER, "--output", mine).returncode == 0
    (tmp_path / "pairs.txt").write_text("1\t1\nPerson_0\t1\t2\nPerson_0\t1\tPerson_1\t1\n")
    options = ("--images", people, "--pairs", tmp_path / "pairs.txt", "--bundle", mine)
    assert "adaface calibrate" in refused(called("evaluate", "quality", *options))
    assert called("evaluate", "pairs", *options).returncode == 0


def converting(path: Path, onnx: Path, *, color: str | None, flip_fusion: bool) -> SimpleNamespace:
    """Stands in for the trainer: every checkpoint is the starter recognizer."""
    shutil.copyfile(RECOGNIZER, onnx)
    return SimpleNamespace(
        architecture="ir_18",
        parameters=24_020_352,
        color=color or "bgr",
        embedding=128,
        loss="adaface",
        loss_constants={"margin": 0.4, "h": 0.333},
        flip_fusion=flip_fusion,
        source=f"checkpoint {path.name}",
        parity="equal",
    )


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".pth", ".safetensors", ""])
def test_a_checkpoint_goes_through_the_converter_plugged_in(tmp_path: Path, suffix: str) -> None:
    checkpoint = tmp_path / f"My Model{suffix}"
    if suffix:
        checkpoint.write_bytes(b"weights")
    else:
        checkpoint.mkdir()
        (checkpoint / "backbone.safetensors").write_bytes(b"weights")
    arguments = ["models", "import", str(checkpoint), "--output", str(tmp_path / "new")]
    run = CliRunner().invoke(app, [*arguments, "--loss-constant", "h=0.5"], obj=converting)
    assert run.exit_code == 0, run.output
    kept = bundles.load(tmp_path / "new").manifest
    assert (kept.name, kept.architecture, kept.parameters) == ("my-model", "ir_18", 24_020_352)
    assert (kept.loss.name, kept.loss.constants) == ("adaface", {"margin": 0.4, "h": 0.5})
    assert "bgr" in run.output


def test_a_checkpoint_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    options = (tmp_path / "missing.ckpt", "--output", tmp_path / "new")
    assert "missing.ckpt does not exist" in refused(called("models", "import", *options))


def test_without_torch_a_checkpoint_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "some.ckpt").write_bytes(b"weights")
    blocked = "import sys; sys.modules['torch'] = None; import adaface; adaface.main()"
    run = subprocess.run(
        [sys.executable, "-c", blocked, "models", "import", str(tmp_path / "some.ckpt"),
         "--output", str(tmp_path / "new")],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    line = refused(run)
    assert "needs torch" in line
    assert "make train-environment" in line
    makefile = (STARTER.parents[1] / "Makefile").read_text()
    assert "\ntrain-environment:" in makefile


def test_the_graph_says_itself_what_the_trainer_wrote_into_it(tmp_path: Path) -> None:
    model = onnx.load(str(RECOGNIZER))
    told = {"architecture": "ir_18", "flip_fusion": "true", "loss": "adaface", "loss.h": "0.333"}
    del model.metadata_props[:]
    helper.set_model_props(model, told)
    onnx.save(model, str(tmp_path / "trained.onnx"))
    made = tmp_path / "new"
    assert called("models", "import", tmp_path / "trained.onnx", "--out", made).returncode == 0
    document = json.loads((made / bundles.MANIFEST).read_text())
    assert document["architecture"] == "ir_18"
    assert document["flip_fusion"] is True
    assert document["loss"] == {"name": "adaface", "constants": {"h": 0.333}}


def test_calibrate_takes_the_photographs_of_a_list_of_pairs(people: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    assert called("models", "import", RECOGNIZER, "--output", mine).returncode == 0
    (tmp_path / "all").mkdir()
    for person in people.iterdir():
        shutil.copytree(person, tmp_path / "all" / person.name)
    shutil.copytree(people / "Person_1", tmp_path / "all" / "Stranger")  # in no pair
    lines = ["20", "Person_0\t1\t2", *[f"Person_{n}\t1\tPerson_{n + 1}\t1" for n in range(19)]]
    lines += [f"Person_{n}\t1\tPerson_{19 - n}\t1" for n in range(10)]
    (tmp_path / "pairs.txt").write_text("\n".join([*lines, *lines[2:12]]))
    run = called("calibrate", mine, "--images", tmp_path / "all", "--pairs", tmp_path / "pairs.txt")
    assert run.returncode == 0, run.stderr
    kept = bundles.load(mine).manifest
    assert kept.score.persons == 20
    assert kept.score.impostors == 21 * 20 // 2 - 1
    (tmp_path / "pairs.txt").write_text("rubbish")
    again = ("--again", "--images", people, "--pairs", tmp_path / "pairs.txt")
    assert "pairs.txt" in refused(called("calibrate", mine, *again))
