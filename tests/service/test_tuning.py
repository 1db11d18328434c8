"""`adaface tune` measures what the service can be set to, and prints it as it is set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli.tune import tune
from service.settings import Settings, from_environment
from service.tuning import Choice, Measurement, best, candidates

from .serving import command


@pytest.mark.parametrize(("cores", "threads"), [(1, {1}), (2, {1, 2}), (6, {1, 2, 4, 6})])
def test_threads_up_to_the_cores_are_tried_on_both_engines(cores: int, threads: set[int]) -> None:
    groups = candidates(Settings(), cores)
    assert {choice.threads for group in groups for choice in group} == threads
    assert {choice.engine for group in groups for choice in group} == {"onnxruntime", "winograd"}
    assert all(len({(each.engine, each.threads) for each in group}) == 1 for group in groups)


def test_a_gpu_is_tried_with_the_batches_it_is_warmed_with() -> None:
    [group] = candidates(Settings(provider="cuda"), 2)
    assert [choice.batch for choice in group] == [1, 2, 4, 8, 16, 32]


def test_of_equally_fast_ones_the_smallest_batch_is_best() -> None:
    def reached(rate: float, batch: int, engine: str = "winograd", threads: int = 2) -> Measurement:
        return Measurement(Choice(engine, threads, batch), rate, 1.0)  # type: ignore[arg-type] # literals

    slow, small, large = reached(50, 1), reached(98, 2), reached(100, 8)
    assert best([slow, large, small]) is small
    assert best([reached(90, 1), large]) is large
    plain = reached(99, 2, "onnxruntime")
    assert best([small, plain, large]) is plain
    assert best([plain, reached(100, 2, "onnxruntime", threads=1)]) is plain


def test_what_it_prints_are_settings_the_service_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = command("tune", "--json", "--seconds", "0.01", data_dir=tmp_path / "data", threads=1)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert {each["choice"]["engine"] for each in report["measured"]} == {"onnxruntime", "winograd"}
    assert all(each["rate"] > 0 for each in report["measured"])
    for name, value in report["settings"].items():
        monkeypatch.setenv(name, value)
    chosen = from_environment()
    made = {"engine": chosen.engine, "threads": chosen.threads, "batch": chosen.max_batch}
    fastest = [each["choice"] for each in report["measured"]]
    assert made | {"arena": chosen.arena} in fastest
    assert tune.__doc__
