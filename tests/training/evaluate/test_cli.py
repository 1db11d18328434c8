"""`adaface evaluate` end to end: the starter on generated crops, JSON out, one line for errors."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from models.golden import picture
from tests.training.evaluate.trees import World, tinyface_tree
from training.evaluate.anchors import ANCHORS, canonical, published
from training.evaluate.cli import app
from training.evaluate.errors import EvaluationError

STARTER = str(Path(__file__).parents[3] / "models/starter")
PNG = b"\x89PNG\r\n"


def face(person: int, version: int) -> NDArray[np.uint8]:
    """A pattern for a person, noisier with each version: no face, but the network tells them."""
    rng = np.random.default_rng((person, version))
    noise = rng.normal(0, 10 * version, (112, 112, 3))
    return np.clip(picture(person) + noise, 0, 255).astype(np.uint8)


def png(crop: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", crop[:, :, ::-1])[1].tobytes()


@pytest.fixture(scope="module")
def lfw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 40 pairs in the form of insightface, every fourth of one person."""
    images, truths = [], []
    for pair in range(40):
        same, person = pair % 4 == 0, pair % 6
        images += [png(face(person, 0)), png(face(person if same else (person + 1) % 6, 1))]
        truths.append(same)
    path = tmp_path_factory.mktemp("sets") / "lfw.bin"
    path.write_bytes(pickle.dumps((images, truths)))
    return path


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_a_pair_set_becomes_json_and_a_picture(lfw: Path, tmp_path: Path) -> None:
    plot = tmp_path / "lfw.png"
    code, out, err = run(
        *("bin", lfw, "--model", STARTER, "--json", "--plot", plot, "--threads", 1),
        *("--beside", "ir_101/webface4m"),
    )
    assert code == 0, err
    found = json.loads(out)
    assert found["protocol"] == "pairs"
    assert found["model"]["architecture"] == "ir_starter"
    assert found["model"]["flip_fusion"] is True
    results = found["results"]
    assert (results["set"], results["pairs"], results["genuine"]) == ("lfw", 40, 10)
    accuracy = results["accuracy"]
    assert 0.7 < accuracy["lower"] < accuracy["value"] <= accuracy["upper"] <= 1
    assert [point["fmr"] for point in results["points"]] == [0.1]
    compared = {each["source"]: each for each in found["beside"]}
    assert [each["published"] for each in compared.values()] == [0.998, 0.9983]
    for each in compared.values():
        assert each["difference"] == pytest.approx(each["measured"] - each["published"])
        inside = accuracy["lower"] <= each["published"] <= accuracy["upper"]
        assert each["inside_interval"] is inside
    assert plot.read_bytes().startswith(PNG)


def test_a_set_nobody_published_is_said_beside_the_table(lfw: Path, tmp_path: Path) -> None:
    other = tmp_path / "mine.bin"
    other.write_bytes(lfw.read_bytes())
    code, out, err = run("bin", other, "--model", STARTER, "--beside", "ir_18/casia")
    assert code == 0
    assert "tmr at fmr 0.1" in out
    assert "Nothing is published here for a set called 'mine'" in err


def test_edc_tells_what_discarding_saves(lfw: Path, tmp_path: Path) -> None:
    plot = tmp_path / "edc.png"
    options = ("--model", STARTER, "--fmr", 0.1, "--degrade", "--plot", plot)
    code, out, err = run("edc", lfw, *options, "--json")
    assert code == 0, err
    results = json.loads(out)["results"]
    curves = {each["quality"]: each for each in results["curves"]}
    assert list(curves) == ["norm", "sharpness", "random", "oracle"]
    assert results["errors"] > 0
    rate = pytest.approx(results["errors"] / results["genuine"])
    assert {each["fnmr"]["0"] for each in curves.values()} == {curves["random"]["fnmr"]["0"]}
    assert curves["random"]["fnmr"]["0.5"] == rate
    assert curves["oracle"]["areas"][0]["value"] <= curves["norm"]["areas"][0]["value"]
    assert plot.read_bytes().startswith(PNG)


def test_ijb_keeps_features_and_reports_both_protocols(tmp_path: Path) -> None:
    root, plot, cache = World().write(tmp_path / "ijb"), tmp_path / "ijb.png", tmp_path / "kept"
    options = ("ijb", root, "--model", STARTER, "--json", "--cache", cache)
    code, out, err = run(*options, "--plot", plot)
    assert code == 0, err
    results = json.loads(out)["results"]
    assert (results["set"], results["impostors"]) == ("ijbc", 468)
    assert results["weighting"] == {"norm": True, "detector": False}
    assert [gallery["gallery"] for gallery in results["galleries"]] == ["G1", "G2"]
    assert [each["name"] for each in results["identification"]] == ["rank_1", "rank_5", "rank_10"]
    assert plot.read_bytes().startswith(PNG)
    shutil.rmtree(root / "loose_crop")  # the second run needs no image
    code, again, err = run(*options, "--detector-weighted")
    assert code == 0, err
    assert json.loads(again)["results"]["weighting"] == {"norm": True, "detector": True}


def test_tinyface_reports_ranks(tmp_path: Path) -> None:
    tinyface_tree(tmp_path, lists=True)
    plot = tmp_path / "cmc.png"
    code, out, err = run("tinyface", tmp_path, "--model", STARTER, "--json", "--plot", plot)
    assert code == 0, err
    results = json.loads(out)["results"]
    assert (results["probes"], results["matches"], results["distractors"]) == (30, 40, 60)
    assert [each["name"] for each in results["closed"]] == ["rank_1", "rank_5", "rank_20"]
    assert plot.read_bytes().startswith(PNG)


def test_a_folder_of_persons_is_searched(tmp_path: Path) -> None:
    for person in range(6):
        folder = tmp_path / "people" / str(person)
        folder.mkdir(parents=True)
        for version in range(10):
            (folder / f"{version}.png").write_bytes(png(face(person, version % 3)))
    code, out, err = run("open-set", tmp_path / "people", "--model", STARTER, "--json")
    assert code == 0, err
    results = json.loads(out)["results"]
    assert (results["gallery"], results["mated"], results["nonmated"]) == (3, 27, 30)
    assert [each["name"] for each in results["values"]] == ["rank_1", "fnir_at_fpir_0.1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bin", "no.bin", "--model", STARTER), "no.bin cannot be read"),
        (("bin", STARTER + "/bundle.json", "--model", STARTER), "bundle.json is refused"),
        (("bin", "x.bin", "--model", STARTER, "--beside", "vgg/me"), "known are ir_18/casia"),
        (("crops", "x", "--pairs", "no.txt", "--model", STARTER), "no.txt cannot be read"),
        (("ijb", "nowhere", "--model", STARTER), "must hold either ijbb_face_tid_mid.txt or"),
        (("tinyface", "nowhere", "--model", STARTER), "holds no images"),
        (("open-set", "nowhere", "--model", STARTER), "several persons"),
        (("edc", "no.bin", "--model", "nothing"), "no.bin cannot be read"),
    ],
)
def test_an_error_is_one_sentence_and_status_1(arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run(*arguments)
    assert code == 1
    assert out == ""
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


def test_a_plot_that_cannot_be_written_is_said_before_anything_is_computed(tmp_path: Path) -> None:
    plot = tmp_path / "no" / "plot.png"
    code, _, err = run("bin", "no.bin", "--model", STARTER, "--plot", plot)
    assert code == 1
    assert "to write plot.png into" in err


def test_the_module_runs_from_the_shell() -> None:
    command = [sys.executable, "-m", "training.evaluate.cli", "bin", "no.bin", "--model", STARTER]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert len(ran.stderr.strip().splitlines()) == 1


def test_published_numbers_are_shares_and_agree_with_their_printed_average() -> None:
    assert all(0.3 < anchor.value < 1 for anchor in ANCHORS)
    printed = {"ir_18/casia": 92.82, "ir_50/ms1mv2": 96.88, "ir_101/webface12m": 97.55}
    for model, average in printed.items():
        values = [
            anchor.value
            for anchor in published(model)
            if anchor.source == "AdaFace README" and anchor.measure == "accuracy_on_grid"
        ]
        assert len(values) == 5
        assert 100 * np.mean(values) == pytest.approx(average, abs=0.01)


@pytest.mark.parametrize("name", ["agedb", "agedb_30", "AgeDB-30", "agedb30"])
def test_one_set_has_many_spellings(name: str) -> None:
    assert canonical(name) == "agedb"


def test_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(EvaluationError, match="ir_101/webface12m"):
        published("ir_101/nothing")
