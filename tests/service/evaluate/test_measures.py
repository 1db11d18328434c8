"""What an evaluation counts, against counting by hand and against what must come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.calibration import ScoreCalibration, calibrate_scores, pairwise
from service.evaluate.discarding import evaluate_discarding
from service.evaluate.fusion import RULES, evaluate_fusion
from service.evaluate.halves import evaluate_halves
from service.evaluate.identification import evaluate_identification
from service.evaluate.sample import read_groups
from service.evaluate.verification import GROUP_FMR, evaluate_groups, evaluate_verification
from service.photographs import PhotographsUnusable

from .drawn import sample

SAMPLE = sample()


@pytest.fixture(scope="module")
def scores() -> ScoreCalibration:
    clean = SAMPLE.clean
    return calibrate_scores(clean.embedding, clean.person, clean.norm, data="drawn")


def test_every_genuine_pair_is_listed_once() -> None:
    first, second = SAMPLE.clean.pairs()
    person = SAMPLE.clean.person
    assert len(first) == 150 * 6
    assert (person[first] == person[second]).all()
    assert len({*zip(first.tolist(), second.tolist(), strict=True)}) == len(first)


def test_rates_at_the_thresholds_are_counted(scores: ScoreCalibration) -> None:
    found = evaluate_verification(SAMPLE.clean, scores)
    genuine, impostor = pairwise(SAMPLE.clean.embedding, SAMPLE.clean.person)
    assert (found.genuines, found.impostors) == (len(genuine), len(impostor))
    for point in found.points[:3]:
        cut = scores.threshold(point.asked)
        assert point.counted == (impostor >= cut).sum()
        assert point.fmr == pytest.approx((impostor >= cut).mean())
        assert point.fmr_lower <= point.fmr <= point.fmr_upper
        assert point.fnmr == pytest.approx((genuine < cut).mean(), abs=1e-5)
        assert point.ratio <= 1.001
    curves = found.curves
    assert curves.fnmr == sorted(curves.fnmr, reverse=True)
    assert sum(curves.genuine) == pytest.approx(1, abs=1e-3)


def test_searches_keep_their_promise_and_find_mates(scores: ScoreCalibration) -> None:
    small, *rest = evaluate_identification(SAMPLE.clean, scores, sizes=(10, 50, 60))
    assert small.strangers == 140
    assert small.fpir_lower <= small.fpir <= small.fpir_upper
    assert small.fpir < 0.02
    assert small.fnir < 0.2
    assert small.rank1 > 0.9
    assert [each.persons for each in rest] == [50]  # 60 enrolled leave fewer than 100 unknown
    assert rest[0].threshold > small.threshold


def test_the_norm_orders_errors_and_size_does_not(scores: ScoreCalibration) -> None:
    found = evaluate_discarding(SAMPLE.worse, scores.threshold(1e-3), 1, replicates=100)
    assert found is not None
    curves = {curve.measure: curve for curve in found.curves}
    assert set(curves) == {"norm", "sharpness", "size", "random", "oracle"}
    assert curves["oracle"].area < curves["norm"].area < curves["size"].area
    assert curves["random"].relative == pytest.approx(1)
    for other in ("size", "random"):
        assert curves[other].above_norm[0] > 0
    turned = evaluate_discarding(SAMPLE.worse, scores.threshold(1e-3), -1, replicates=50)
    assert turned.curves[0].relative > 1


def test_nothing_is_saved_where_nothing_fails() -> None:
    assert evaluate_discarding(SAMPLE.worse, -1.0, 1) is None


def test_a_template_that_weighs_by_quality_beats_one_that_does_not() -> None:
    tables = evaluate_fusion(SAMPLE.worse, replicates=100)
    assert [table.images for table in tables] == [2, 3, 4, 6, 10]
    for table in tables:
        rules = {rule.rule: rule for rule in table.rules}
        assert tuple(rules) == RULES
        assert rules["norm_weighted"].fnmr <= rules["mean"].fnmr <= rules["max"].fnmr
        assert rules["max"].above_norm[1] > 0
        assert rules["mean"].lower <= rules["mean"].fnmr <= rules["mean"].upper
    assert tables[0].persons == 150
    assert evaluate_fusion(sample(people=19).worse) == []


def test_half_of_the_people_tell_what_the_other_half_do() -> None:
    halves = {(half.persons, half.asked): half for half in evaluate_halves(SAMPLE.clean, splits=4)}
    assert 0.5 < halves[1, 1e-2].ratio < 2
    assert halves[1, 1e-2].least <= halves[1, 1e-2].ratio <= halves[1, 1e-2].most
    assert evaluate_halves(sample(people=79).clean) == []


def test_groups_are_compared_within_themselves(scores: ScoreCalibration, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    rows = [f"p{n},{'even' if n % 2 == 0 else 'odd'},{'few' if n < 9 else ''}" for n in range(150)]
    path.write_text("\n".join(["person,parity,seen", *rows]))
    [even, odd] = evaluate_groups(SAMPLE.clean, SAMPLE.names, read_groups(path), scores)
    assert (even.column, even.group, even.persons) == ("parity", "even", 75)
    inside = SAMPLE.clean.person % 2 == 1
    genuine, impostor = pairwise(SAMPLE.clean.embedding[inside], SAMPLE.clean.person[inside])
    cut = scores.threshold(GROUP_FMR)
    assert odd.impostors == len(impostor)
    assert odd.fmr == pytest.approx((impostor >= cut).mean())
    assert odd.fnmr == pytest.approx((genuine < cut).mean())
    assert odd.fmr_lower <= odd.fmr <= odd.fmr_upper


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "no CSV"), ("person\na", "names no group"), ("person,sex\na,f\nb", "row 3: 1 values")],
)
def test_a_list_of_groups_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(PhotographsUnusable, match=says):
        read_groups(tmp_path / "g.csv")
