"""The report is drawn, loaded as calibration, and refused where it is of something else."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from models import bundle as bundles
from models.witness import faces
from service.errors import BundleRefused
from service.evaluate.page import page
from service.evaluate.plots import plots
from service.evaluate.report import calibration_in, evaluate
from service.settings import STARTER
from tests.service.serving import command

from .drawn import sample


def norms(images: np.ndarray) -> np.ndarray:
    """A recognizer that likes the sharp drawing."""
    assert images.shape == faces().shape
    return np.array([20.0, *[10.0] * (len(images) - 1)])


@pytest.fixture(scope="module")
def document() -> dict:
    bundle = bundles.load(STARTER)
    groups = {"side": {f"p{n}": "<left>" if n < 70 else "right" for n in range(150)}}
    report = evaluate(bundle, sample(), norms, data="people & places", groups=groups)
    return json.loads(json.dumps(report.document()))


def test_a_report_counts_failures_and_says_what_it_stands_on(document: dict) -> None:
    assert document["bundle"] == bundles.load(STARTER).manifest.id
    assert document["acquisition"]["failures"] == 3
    assert document["acquisition"]["fte"] == pytest.approx(3 / 603, abs=1e-5)
    assert {group["group"] for group in document["groups"]} == {"<left>", "right"}
    assert set(document["spearman"]) == {"blur", "jpeg", "low_resolution", "noise"}
    assert max(document["spearman"].values()) < -0.8


def test_the_plots_are_whole_svg_drawn_from_the_json_alone(document: dict) -> None:
    drawn = plots(document)
    assert set(drawn) == {"det", "scores", "edc", "searches", "quality"}
    for text in drawn.values():
        root = ET.fromstring(text)  # noqa: S314 - our own
        lines = [each for each in root.iter() if each.tag.endswith("polyline")]
        assert lines
        for line in lines:
            places = [tuple(map(float, each.split(","))) for each in line.get("points").split()]
            assert all(0 <= x <= 480 and 0 <= y <= 320 for x, y in places)
            assert [x for x, _ in places] == sorted(x for x, _ in places) or "shipped" in text


def test_the_page_holds_every_table_and_escapes_what_others_wrote(document: dict) -> None:
    text = page(document)
    assert text.count("<svg") == len(plots(document))
    for heading in ("1:1", "1:N", "Error versus discard", "Templates", "Groups"):
        assert f"<h2>{heading}</h2>" in text
    assert "&lt;left&gt;" in text
    assert "<left>" not in text
    assert "people &amp; places" in text
    assert not re.search(r"(src|href)=", text)  # it needs no other file


def test_the_json_is_what_a_bundle_is_calibrated_with(document: dict, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(STARTER, tmp_path / "mine"))
    (tmp_path / "report.json").write_text(json.dumps(document))
    run = command("calibrate", mine, "--report", tmp_path / "report.json", "--again")
    # The sample is drawn, and the starter's own norm finds the drawn face far too bad for it.
    assert run.returncode == 0, run.stderr
    kept = bundles.load(mine).manifest
    assert kept.score.data == kept.quality.data == "people & places"
    assert kept.score.persons == 150
    assert kept.quality.errors
    assert kept.calibrated == kept.files[bundles.RECOGNIZER]


def test_a_report_of_another_recognizer_or_of_nothing_is_refused(
    document: dict, tmp_path: Path
) -> None:
    bundle, path = bundles.load(STARTER), tmp_path / "report.json"
    for change, says in (
        ({"recognizer": "0" * 64}, "another recognizer"),
        ({"calibration": None, "not_calibrated": "Too few people."}, "Too few people"),
        ({"calibration": {"score": {}}}, "no report"),
    ):
        path.write_text(json.dumps(document | change))
        with pytest.raises(BundleRefused, match=says):
            calibration_in(path, bundle)
    path.write_text("[]")
    with pytest.raises(BundleRefused, match="no report"):
        calibration_in(path, bundle)


def test_the_command_reads_photographs_and_writes_both_files(persons: Path, tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_text(
        "person,half\n" + "".join(f"Person_{n},{n % 2}\n" for n in range(24))
    )
    few = tmp_path / "people"
    for n in range(21):
        shutil.copytree(persons / f"Person_{n}", few / f"Person_{n}")
    run = command(
        "evaluate", "report", "--images", few, "--out", tmp_path / "out",
        "--groups", tmp_path / "groups.csv",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert document["acquisition"]["photographs"] == 42
    assert document["verification"]["genuines"] <= 21
    assert document["verification"]["persons"] <= 21
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!doctype html>")
    assert "FMR 0.001" in run.stdout


def test_calibrate_takes_photographs_or_a_report(tmp_path: Path) -> None:
    run = command("calibrate", STARTER, "--again")
    assert run.returncode == 1
    assert "either --images or --report" in run.stderr
