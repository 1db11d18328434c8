"""What is made of the samples: figures, bars, the page."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.bars import Bar, line, number
from tests.bench.curve import Point, point, recovery
from tests.bench.load import ROOT, Outcome
from tests.bench.page import PLOTS, page
from tests.bench.results import Results
from tests.bench.samples import OK, REFUSED, Percentiles, Sample, rate, stage_medians, stages
from tests.bench.turns import alternated, best, ratio

DOCS = ROOT / "docs"


def sample(due: float, ended: float, status: int = OK, **other: object) -> Sample:
    return Sample.model_validate(
        {"due": due, "sent": due, "ended": ended, "status": status, **other}
    )


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_measured_values_that_cover_their_share(times: list[float]) -> None:
    found = Percentiles.of(times)
    for value, share in ((found.p50, 0.5), (found.p95, 0.95), (found.p99, 0.99)):
        assert value in times
        assert sum(time <= value for time in times) >= share * len(times)
    assert found.worst == max(times)


def test_percentiles_of_nothing_are_unknown() -> None:
    assert math.isnan(Percentiles.of([]).p99)


@pytest.mark.parametrize("start", [0.9, 1.0, 1.1, 1.9])
def test_a_rate_does_not_depend_on_where_in_a_batch_the_window_opens(start: float) -> None:
    """Four answers every second: 4 a second, whether the window opens before a batch or behind it."""
    samples = [sample(0, second + 0.001 * n) for second in range(1, 30) for n in range(4)]
    assert rate(samples, start, 40) == pytest.approx(4, rel=0.06)


def test_only_good_answers_count_into_a_rate() -> None:
    samples = [sample(0, n / 10, REFUSED if n % 2 else OK) for n in range(101)]
    assert rate(samples, 0, 10) == pytest.approx(5)
    assert rate([], 0, 10) == 0


def test_stages_are_read_off_the_header() -> None:
    assert stages("queue;dur=0.4, decode;dur=12") == {"queue": 0.4, "decode": 12}
    assert stages("") == {}


def test_stage_medians_leave_out_what_was_refused() -> None:
    samples = [
        sample(0, 1, stages={"embed": 1.0}),
        sample(0, 1, stages={"embed": 3.0, "detect": 5.0}),
        sample(0, 1, REFUSED, stages={"embed": 900.0}),
    ]
    assert stage_medians(samples) == {"embed": 2.0, "detect": 5.0}


def test_a_point_tells_answered_refused_and_lost_apart() -> None:
    samples = [
        sample(1, 1.1),
        sample(1.5, 1.9),
        sample(2, 2.01, REFUSED, retry_after=True),
        sample(2.5, 2.6, REFUSED),
        sample(3, 3.1, 0),
        sample(0.1, 0.2),  # warming
    ]
    found = point(0.5, 3.0, Outcome(samples=samples, probes=[], worked=0.31), (0.5, 4))
    assert (found.answered, found.refused, found.without_retry_after) == (2, 2, 1)
    assert found.others == {0: 1}
    assert found.latency.worst == pytest.approx(400)
    assert found.refusal.worst == pytest.approx(100)
    assert found.generator == pytest.approx(0.1)


def test_recovery_ends_with_the_last_slow_or_refused_request() -> None:
    samples = [
        sample(9, 30),  # due in the overload
        sample(10.5, 10.6, REFUSED),
        sample(11, 12.2),
        sample(12, 12.1),
    ]
    assert recovery(samples, since=10, usual=500) == pytest.approx(1)
    assert recovery(samples[3:], since=10, usual=500) == 0


def test_everybody_has_a_turn_in_each_round_and_begins_in_one() -> None:
    turns: list[str] = []

    def turn(name: str) -> float:
        turns.append(name)
        return len(turns)

    reached = alternated({name: partial(turn, name) for name in "abc"}, 3)
    assert "".join(turns) == "abcbcacab"
    assert {name: len(found) for name, found in reached.items()} == dict.fromkeys("abc", 3)


def test_a_slow_round_does_not_move_the_ratio() -> None:
    reached = {"ours": [90.0, 9.0, 90.0], "theirs": [100.0, 10.0, 100.0], "idle": [0.0, 0.0, 0.0]}
    assert ratio(reached, "ours", "theirs") == pytest.approx(0.9)
    assert best(reached, "ours", "theirs") == "theirs"
    assert math.isnan(ratio(reached, "ours", "idle"))


@pytest.mark.parametrize(
    ("direction", "value", "verdict"),
    [
        ("at least", 0.85, "holds"),
        ("at least", 0.849, "missed"),
        ("at most", 0.85, "holds"),
        ("at most", 0.851, "missed"),
        ("at least", None, "not measured"),
        ("at least", math.nan, "missed"),
        ("at most", math.nan, "missed"),
    ],
)
def test_a_bar_holds_or_is_missed_and_says_where_it_was_not_measured(
    direction: str, value: float | None, verdict: str
) -> None:
    bar = Bar.model_validate(
        {"name": "b", "promise": "p", "value": value, "bound": 0.85, "direction": direction}
    )
    assert bar.verdict == verdict


def test_the_line_names_every_figure_and_what_was_missed() -> None:
    good = Bar(name="good", promise="", value=0.9, bound=0.5)
    bad = Bar(name="bad", promise="", value=61.2, bound=50, direction="at most", unit="ms")
    skipped = Bar(name="skipped", promise="", value=None, bound=1)
    assert line([good, skipped]) == "bench: good=0.9 skipped=not-measured every bar holds"
    assert line([good, bad]) == "bench: good=0.9 bad=61.2ms missed: bad"


def test_a_number_shows_what_a_bar_hangs_on() -> None:
    assert [number(x) for x in (0.999987, 0.9, 1234.5, 12.345)] == [
        "0.9999870",
        "0.9",
        "1234",
        "12.3",
    ]


def _loads() -> list[Point]:
    samples = [sample(n, n + 0.02, stages={"embed": 11.0}) for n in range(10)]
    outcome = Outcome(samples=samples, probes=[], worked=0.1)
    return [point(share, 30 * share, outcome, (0, 10)) for share in (0.1, 0.5, 10)]


def test_plots_are_small_svg_with_text_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    plots = pytest.importorskip("tests.bench.plots", reason="`make bench` brings matplotlib")
    names = plots.write(tmp_path / "a", _loads(), 30.0)
    plots.write(tmp_path / "b", _loads(), 30.0)
    for name in names:
        body = (tmp_path / "a" / name).read_bytes()
        assert body == (tmp_path / "b" / name).read_bytes()
        assert len(body) < 60_000
        assert b">capacity</text>" in body


def test_the_page_is_made_of_the_results_beside_it() -> None:
    kept = Results.model_validate_json((DOCS / PLOTS / "results.json").read_text())
    assert (DOCS / "benchmarks.md").read_text() == page(kept)
