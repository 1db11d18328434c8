"""Pair sets, TinyFace, EDC and open-set search against answers computed by loops."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from scipy.io import savemat

from models.metrics import folds_in_order
from tests.training.evaluate.faces import Lookup, crop, nothing, write
from tests.training.evaluate.trees import tinyface_tree
from training.evaluate.edc import degraded, evaluate_edc
from training.evaluate.errors import EvaluationError
from training.evaluate.features import all_features
from training.evaluate.open_set import evaluate_open_set, read_persons
from training.evaluate.pairsets import PairSet
from training.evaluate.table import edc_table
from training.evaluate.tinyface import evaluate_tinyface, read_tinyface
from training.evaluate.verification import compare, verify


def pair_set(count: int, seed: int = 0) -> tuple[PairSet, NDArray[np.float64]]:
    """`count` pairs of separate crops, and raw features that tell most of them apart."""
    rng = np.random.default_rng(seed)
    same = rng.random(count) < 0.5
    first = rng.normal(size=(count, 12))
    second = np.where(same[:, None], first, 0) + rng.normal(size=(count, 12)) * 0.9
    raw = np.stack([first, second], axis=1).reshape(2 * count, 12)
    raw *= rng.uniform(0.5, 2, (2 * count, 1))
    left = np.arange(0, 2 * count, 2)
    pairs = PairSet("set", crop, 2 * count, left, left + 1, same, folds_in_order(count))
    return pairs, raw


def cosines(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return np.array([a @ b for a, b in zip(unit[::2], unit[1::2], strict=True)])


def test_accuracy_is_that_of_the_threshold_best_on_the_other_folds() -> None:
    pairs, raw = pair_set(120)
    report = verify(pairs, compare(Lookup(raw), pairs, nothing))
    scores, folds, accuracies = cosines(raw), np.array(pairs.folds), []
    for fold in range(10):
        held = folds == fold
        ranked = np.sort(scores[~held])
        cuts = [ranked[0] - 1, *((ranked[1:] + ranked[:-1]) / 2), ranked[-1] + 1]
        right = [((scores[~held] >= cut) == pairs.same[~held]).sum() for cut in cuts]
        cut = cuts[int(np.argmax(right))]
        accuracies.append(((scores[held] >= cut) == pairs.same[held]).mean())
    assert report.accuracy.value == pytest.approx(np.mean(accuracies))
    assert report.accuracy_std == pytest.approx(np.std(accuracies))
    assert report.accuracy.lower < report.accuracy.value < report.accuracy.upper
    assert 0.6 < report.accuracy.value < 1


def test_only_rates_the_impostors_support_are_reported() -> None:
    pairs, raw = pair_set(800)
    report = verify(pairs, compare(Lookup(raw), pairs, nothing))
    assert [point.fmr for point in report.points] == [1e-1, 1e-2]
    scores = cosines(raw)
    for point in report.points:
        # The scores are float32 there, so one that sets the threshold may lie a rounding above it.
        assert (scores[~pairs.same] >= point.threshold + 1e-6).mean() <= point.fmr
        assert point.tmr == pytest.approx((scores[pairs.same] >= point.threshold).mean(), abs=0.003)
        assert point.lower <= point.tmr <= point.upper
        assert point.tmr_nearest >= point.tmr


@pytest.mark.parametrize("lists", [True, False], ids=["mat lists", "folders"])
def test_tinyface_counts_probes_with_a_mate_among_the_nearest(tmp_path: Path, lists: bool) -> None:
    raw, probes, matches = tinyface_tree(tmp_path, lists=lists)
    data = read_tinyface(tmp_path)
    codes = np.array([int(path.stem.split("_")[-1]) for path in data.paths])
    found = all_features(Lookup(raw), data.read, len(data.paths), progress=nothing)
    report, _ = evaluate_tinyface(data, found)
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    identity = np.concatenate([probes, matches, np.full(60, -1)])
    for measure, rank in zip(report.closed, (1, 5, 20), strict=True):
        hits = [
            person in identity[30:][np.argsort(-(unit[30:] @ unit[probe]))[:rank]]
            for probe, person in enumerate(probes)
        ]
        assert measure.name == f"rank_{rank}"
        assert measure.value == pytest.approx(np.mean(hits))
        assert 0 < measure.lower < measure.value < measure.upper or measure.value in (0, 1)
    assert sorted(codes) == list(range(130))
    assert (report.probes, report.matches, report.distractors) == (30, 40, 60)
    assert report.closed[0].value < report.closed[2].value


def test_distractors_make_tinyface_harder(tmp_path: Path) -> None:
    raw, *_ = tinyface_tree(tmp_path, lists=True)
    with_distractors = rank_1(tmp_path, raw)
    for path in (tmp_path / "aligned_pad_0.1_pad_high/Gallery_Distractor").iterdir():
        path.unlink()
    assert rank_1(tmp_path, raw) > with_distractors


def rank_1(root: Path, raw: NDArray) -> float:
    data = read_tinyface(root)
    found = all_features(Lookup(raw), data.read, len(data.paths), progress=nothing)
    return evaluate_tinyface(data, found)[0].closed[0].value


def test_what_is_wrong_with_a_tinyface_tree_is_said(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="holds no images; expected TinyFace's"):
        read_tinyface(tmp_path)
    tinyface_tree(tmp_path, lists=True)
    lists = tmp_path / "tinyface/Testing_Set/probe_img_ID_pairs.mat"
    savemat(lists, {"probe_set": np.array([["a.jpg"]], object), "probe_ids": [[99]]})
    with pytest.raises(EvaluationError, match="no match in the gallery for identity 99"):
        read_tinyface(tmp_path)
    savemat(lists, {"something": 1})
    with pytest.raises(EvaluationError, match="no variable 'probe_set'"):
        read_tinyface(tmp_path)
    lists.write_bytes(b"no matlab")
    with pytest.raises(EvaluationError, match="no MATLAB file"):
        read_tinyface(tmp_path)


def erring(pairs: PairSet, raw: NDArray[np.float64], *, sign: int = 1) -> NDArray[np.float64]:
    """Makes the features of genuine pairs short where they are unlike: a perfect quality."""
    scores = cosines(raw)
    length = np.where(pairs.same, 2 + scores, 2.5)
    if sign < 0:
        length = 1 / length
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return unit * np.repeat(length, 2)[:, None]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_norm_is_the_oracle_in_its_direction(sign: int) -> None:
    pairs, raw = pair_set(600)
    embed = Lookup(erring(pairs, raw, sign=sign))
    found = evaluate_edc(embed, pairs, nothing, fmr=0.01, direction=sign)
    curves = {curve.quality: curve for curve in found.report.curves}
    rate = found.report.errors / found.report.genuine
    assert 0 < rate < 0.9
    assert curves["norm"].fnmr == pytest.approx(curves["oracle"].fnmr)
    for share, fnmr in curves["oracle"].fnmr.items():
        kept = found.report.genuine - int(float(share) * found.report.genuine + 1e-9)
        left = max(0, found.report.errors - (found.report.genuine - kept))
        assert fnmr == pytest.approx(left / kept)
    assert list(curves["random"].fnmr.values()) == pytest.approx([rate] * 9)
    assert curves["random"].areas[0].relative == pytest.approx(1)
    assert curves["norm"].areas[0].relative < 1
    # Crops of one colour are all equally unsharp: the curve is flat, whatever the file order.
    assert curves["sharpness"].fnmr == pytest.approx(curves["random"].fnmr)
    console = Console(file=StringIO(), width=400)
    console.print(edc_table(found.report))
    printed = console.file.getvalue()
    for curve in found.report.curves:
        assert f"{curve.areas[0].value:.4f} [{curve.areas[0].lower:.4f}" in printed


def test_the_threshold_of_edc_stays_that_of_the_whole_set() -> None:
    pairs, raw = pair_set(600)
    found = evaluate_edc(Lookup(raw), pairs, nothing, fmr=0.02).report
    scores = cosines(raw)
    assert (scores[~pairs.same] >= found.threshold + 1e-6).mean() <= 0.02
    assert found.errors == (scores[pairs.same] < found.threshold).sum()
    norms = np.linalg.norm(raw, axis=1)
    quality = np.minimum(norms[::2], norms[1::2])[pairs.same]
    kept = np.argsort(quality)[int(0.2 * len(quality) + 1e-9) :]
    expected = (scores[pairs.same][kept] < found.threshold).mean()
    assert found.curves[0].fnmr["0.2"] == pytest.approx(expected)


def test_edc_says_when_it_has_nothing_to_say() -> None:
    pairs, raw = pair_set(60)
    with pytest.raises(EvaluationError, match=r"too few for an FMR of 0\.001; .* 3/32 or more"):
        evaluate_edc(Lookup(raw), pairs, nothing)
    raw[1::2][pairs.same] = raw[::2][pairs.same]
    with pytest.raises(EvaluationError, match=r"No genuine pair .* errs"):
        evaluate_edc(Lookup(raw), pairs, nothing, fmr=0.2)


def test_degradation_is_the_same_at_every_run_and_differs_between_crops() -> None:
    pairs, _ = pair_set(4)
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    textured = PairSet("set", lambda _: image, 8, pairs.first, pairs.second, pairs.same, [])
    one, other = degraded(textured), degraded(textured)
    assert one.name == "set degraded"
    assert all((one.read(index) == other.read(index)).all() for index in range(8))
    assert len({one.read(index).tobytes() for index in range(8)}) == 8


def people(root: Path) -> NDArray[np.float64]:
    rng, code = np.random.default_rng(2), 0
    raw = []
    for person in range(24):
        center = rng.normal(size=8)
        for _ in range(1 if person % 6 == 5 else 4):
            write(root / f"person {person:02d}" / f"{code:03d}.png", code)
            raw.append(center + 0.6 * rng.normal(size=8))
            code += 1
    return np.array(raw)


def test_open_set_enrolls_one_crop_of_known_persons_and_searches_the_rest(tmp_path: Path) -> None:
    raw = people(tmp_path)
    paths, persons = read_persons(tmp_path)
    assert len(paths) == len(raw) == 84
    unit = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    report = evaluate_open_set("people", unit, persons)
    assert (report.persons, report.crops, report.gallery) == (24, 84, 10)
    # 10 of the 20 persons with several crops are known: 30 mated probes, 44 crops of strangers.
    assert (report.mated, report.nonmated) == (30, 44)
    values = {each.name: each for each in report.values}
    assert list(values) == ["rank_1", "fnir_at_fpir_0.1"]
    assert 0 < values["fnir_at_fpir_0.1"].value < 1
    perfect = np.eye(24, dtype=np.float32)[persons]
    for each in evaluate_open_set("people", perfect, persons).values:
        assert each.value == (1 if each.name == "rank_1" else 0)


def test_an_open_set_needs_strangers(tmp_path: Path) -> None:
    write(tmp_path / "only/1.png", 0)
    with pytest.raises(EvaluationError, match="several persons"):
        read_persons(tmp_path)
    write(tmp_path / "another/1.png", 0)
    _, persons = read_persons(tmp_path)
    with pytest.raises(EvaluationError, match="two crops to enroll"):
        evaluate_open_set("people", np.eye(2, dtype=np.float32), persons)
