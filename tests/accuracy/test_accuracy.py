"""The bars miss what they should, and the page committed is the one its report makes."""

from __future__ import annotations

import copy
import json

import pytest

from service.evaluate.plots import plots
from tests.accuracy.__main__ import ROOT
from tests.accuracy.judged import judged
from tests.accuracy.page import page
from tests.accuracy.served import Served
from tests.bench.bars import Bar

HELD = json.loads((ROOT / "docs" / "accuracy" / "report.json").read_text())
SERVED = Served(strangers=100, named=1, doubles=10, twice=0)


def verdicts(document: dict, served: Served = SERVED, refused: int = 3) -> dict[str, str]:
    return {bar.name: bar.verdict for bar in judged(document, served, refused, 3)}


@pytest.fixture
def elsewhere() -> dict:
    """The committed report, as if the bundle were calibrated on other people."""
    document = copy.deepcopy(HELD["report"])
    document["calibrated_on"] = "other people"
    return document


def test_thresholds_fitted_to_the_same_photographs_prove_nothing(elsewhere: dict) -> None:
    own = elsewhere | {"calibrated_on": elsewhere["data"]}
    names = ["fmr_0.01", "fmr_0.001", "fpir_of_100", "fpir_of_600", "fpir_of_1000"]
    assert [verdicts(own)[name] for name in names] == ["missed"] * 5
    assert set(verdicts(elsewhere).values()) == {"holds"}


@pytest.mark.parametrize("ratio", [2.1, 1 / 2.1, 0.0])
def test_a_rate_that_is_off_either_way_is_missed(elsewhere: dict, ratio: float) -> None:
    for point in elsewhere["verification"]["points"]:
        point["ratio"] = ratio
    for search in elsewhere["identification"]:
        search["fpir"] = ratio * search["asked"]
    found = verdicts(elsewhere)
    assert found["fmr_0.01"] == found["fpir_of_100"] == found["fpir_of_1000"] == "missed"
    assert found["fmr_0.001"] == ("holds" if ratio else "missed")  # within a factor of 3


def test_what_was_not_measured_at_a_size_is_missed(elsewhere: dict) -> None:
    elsewhere["identification"] = elsewhere["identification"][:2]
    assert verdicts(elsewhere)["fpir_of_1000"] == "missed"


def test_a_better_rule_or_measure_is_a_miss(elsewhere: dict) -> None:
    for rule in elsewhere["fusion"][0]["rules"]:
        if rule["rule"] == "mean":
            rule["above_norm"] = [-0.02, -0.01]
    for curve in elsewhere["discarding"]["curves"]:
        if curve["measure"] == "sharpness":
            curve["above_norm"] = [-0.001, 0.002]
    found = verdicts(elsewhere)
    assert (found["fusion_over_mean"], found["fusion_over_max"]) == ("missed", "holds")
    assert found["edc_lead"] == "missed"


def test_what_the_service_gets_wrong_is_a_miss(elsewhere: dict) -> None:
    found = verdicts(elsewhere, Served(100, 3, 10, 1), refused=2)
    for name in ("turned_norms_refused", "strangers_named", "named_twice"):
        assert found[name] == "missed"


def test_the_page_and_the_plots_are_the_ones_committed() -> None:
    bars = [Bar.model_validate(bar) for bar in HELD["bars"]]
    docs = ROOT / "docs"
    assert (docs / "accuracy.md").read_text() == page(HELD["report"], bars), "run `make accuracy`"
    for name, drawn in plots(HELD["report"]).items():
        assert (docs / "accuracy" / f"{name}.svg").read_text() == drawn
