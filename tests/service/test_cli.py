"""What the commands promise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from models import bundle as bundles
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
