"""IJB-B/C on trees in the true layout, against answers computed by loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.alignment import TEMPLATE, align
from tests.training.evaluate.faces import Lookup, nothing
from tests.training.evaluate.trees import World
from training.evaluate.errors import EvaluationError
from training.evaluate.features import features
from training.evaluate.ijb import Evaluation, evaluate_ijb
from training.evaluate.ijb_meta import read_ijb
from training.evaluate.templates import Weighting


def run(world: World, root: Path, **weighting: bool) -> Evaluation:
    data = read_ijb(root if root.exists() else world.write(root))
    found = features(Lookup(world.raw), data.faces.read, len(data.faces.names), progress=nothing)
    return evaluate_ijb(data, found, Weighting(**weighting))


def tpir(lists: list, fpir: float) -> float:
    """By trying every threshold: the most mates found while strangers keep to `fpir`."""
    strangers = np.array([best for mate, best, _ in lists if mate is None])
    mates = np.array([mate for mate, _, _ in lists if mate is not None])
    cuts = [*strangers, *mates, 2.0]
    return max((mates >= cut).mean() for cut in cuts if (strangers >= cut).mean() <= fpir)


@pytest.mark.parametrize("prefix", ["ijbb", "ijbc"])
def test_identification_is_by_gallery_and_then_averaged(tmp_path: Path, prefix: str) -> None:
    world = World(prefix=prefix)
    found = run(world, tmp_path / "ijb").report
    assert found.set == prefix
    assert [each.gallery for each in found.galleries] == list(world.galleries)
    expected: dict[str, list[float]] = {}
    for report, gallery in zip(found.galleries, world.galleries.values(), strict=True):
        lists = world.lists(gallery)
        mated = [hits for mate, _, hits in lists if mate is not None]
        assert (report.mated, report.nonmated) == (18, 24)
        for rank in (1, 5, 10):
            rate = np.mean([any(hits[:rank]) for hits in mated])
            expected.setdefault(f"rank_{rank}", []).append(float(rate))
        # 24 non-mated probes cannot speak of FPIR 1e-2; of 1e-1 only 30 could.
        assert report.open == []
    assert {each.name: each.value for each in found.identification} == pytest.approx(
        {name: float(np.mean(values)) for name, values in expected.items()}
    )
    assert found.identification[0].value < 1, "the world is too easy to tell anything"


def test_open_set_is_judged_by_the_probes_a_gallery_does_not_hold(tmp_path: Path) -> None:
    world = World(subjects=18, seed=5)
    found = run(world, tmp_path / "ijb").report
    expected = [tpir(world.lists(gallery), 0.1) for gallery in world.galleries.values()]
    assert [each.open[0].value for each in found.galleries] == pytest.approx(expected)
    (mean,) = [each for each in found.identification if each.name == "tpir_at_fpir_0.1"]
    assert mean.value == pytest.approx(np.mean(expected))
    assert 0 < mean.lower <= mean.value <= mean.upper <= 1


def test_one_gallery_of_both_would_give_another_answer(tmp_path: Path) -> None:
    """The mistake of the scripts in use: concatenated galleries make every search harder."""
    world = World(subjects=18, seed=5)
    found = run(world, tmp_path / "ijb").report
    both = world.lists([t for gallery in world.galleries.values() for t in gallery])
    wrong = np.mean([hits[0] for mate, _, hits in both if mate is not None])
    right = found.identification[0].value
    assert right - wrong > 0.03


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("detector", [True, False])
def test_templates_are_means_of_media_and_sums_over_them(
    tmp_path: Path, norm: bool, detector: bool
) -> None:
    world = World(seed=2)
    found = run(world, tmp_path / "ijb", norm=norm, detector=detector)
    vectors = {t: world.vector(t, norm=norm, detector=detector) for t in world.subject_of}
    expected = [vectors[a] @ vectors[b] for a, b, _ in world.pairs]
    assert found.comparisons.scores == pytest.approx(np.array(expected), abs=1e-5)


def test_verification_leaves_out_rates_nobody_can_measure(tmp_path: Path) -> None:
    world = World(seed=3)
    found = run(world, tmp_path / "ijb").report
    vectors = {t: world.vector(t) for t in world.subject_of}
    scores = np.array([vectors[a] @ vectors[b] for a, b, _ in world.pairs])
    same = np.array([bool(label) for _, _, label in world.pairs])
    assert found.impostors == (~same).sum() == 468
    assert [point.fmr for point in found.verification] == [1e-2, 1e-1]
    for point in found.verification:
        cuts = [cut for cut in [*scores, 2] if (scores[~same] >= cut).mean() <= point.fmr]
        assert point.tmr == pytest.approx(max((scores[same] >= cut).mean() for cut in cuts))
        assert point.lower <= point.tmr <= point.upper


def test_images_are_aligned_by_their_five_points(tmp_path: Path) -> None:
    world = World()
    root = world.write(tmp_path / "ijb")
    image = np.random.default_rng(0).integers(0, 256, (220, 200, 3), np.uint8)
    (root / "loose_crop/1.jpg").write_bytes(cv2.imencode(".png", image[:, :, ::-1])[1].tobytes())
    points = TEMPLATE * 1.4 + (12, 30)
    file = root / "meta/ijbc_name_5pts_score.txt"
    first, *rest = file.read_text().splitlines()
    first = " ".join(["1.jpg", *(f"{value:.5f}" for value in points.reshape(-1)), "0.9"])
    file.write_text("\n".join([first, *rest]))
    faces = read_ijb(root).faces
    assert faces.landmarks[0] == pytest.approx(points, abs=1e-4)
    assert (faces.read(0) == align(image, faces.landmarks[0])).all()


Damage = Callable[[Path], object]


def rewrite(file: str, change: Callable[[str], str]) -> Damage:
    def damage(root: Path) -> None:
        path = root / "meta" / file
        path.write_text(change(path.read_text()))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "meta/ijbc_face_tid_mid.txt").unlink(), "must hold either"),
        (lambda root: (root / "meta/ijbc_1N_gallery_G2.csv").unlink(), "gallery_G2.csv cannot"),
        (rewrite("ijbc_name_5pts_score.txt", lambda t: t.replace("2.jpg", "x.jpg", 1)), "line 2"),
        (rewrite("ijbc_name_5pts_score.txt", lambda t: t[: t.rindex("\n", 0, -1)]), "lines, not"),
        (rewrite("ijbc_face_tid_mid.txt", lambda t: t.replace(" ", "_", 1)), "line 1 has 2"),
        (rewrite("ijbc_template_pair_label.txt", lambda t: t + "1 2 x\n"), "cannot be read"),
        (rewrite("ijbc_template_pair_label.txt", lambda t: t + "1 2 0\n"), "template [12] has no"),
        (rewrite("ijbc_1N_gallery_G1.csv", lambda t: t + "a,b\n"), "template and its subject"),
        (rewrite("ijbc_1N_probe_mixed.csv", lambda t: t + "9999,1,c,d\n"), "9999 has no image"),
        (rewrite("ijbc_1N_gallery_G1.csv", lambda t: t + "10,5,c,d\n"), "two subjects"),
        (lambda root: (root / "loose_crop/3.jpg").unlink(), "3.jpg cannot be read"),
        (lambda root: (root / "loose_crop/3.jpg").write_bytes(b"x"), "3.jpg cannot be decoded"),
    ],
)
def test_what_is_wrong_with_a_tree_is_said(tmp_path: Path, damage: Damage, message: str) -> None:
    world = World()
    root = world.write(tmp_path / "ijb")
    damage(root)
    with pytest.raises(EvaluationError, match=message):
        run(world, root)
