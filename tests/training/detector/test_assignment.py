"""Which anchors answer for which face."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from training.detector.assignment import Anchors, assign  # noqa: E402
from training.detector.network import anchor_grid  # noqa: E402


def _square(x: float, y: float, size: float) -> list[float]:
    return [x - size / 2, y - size / 2, x + size / 2, y + size / 2]


def _assign(boxes, ignored=None, side=256):  # type: ignore[no-untyped-def]
    anchors = Anchors(*anchor_grid(side, side))
    faces = torch.tensor([boxes], dtype=torch.float32).reshape(1, -1, 4)
    regions = torch.tensor([ignored or []], dtype=torch.float32).reshape(1, -1, 4)
    return anchors, assign(anchors, faces, torch.ones(faces.shape[:2], dtype=torch.bool), regions)


@pytest.mark.parametrize("size", [9, 16, 23, 40, 64, 100, 181, 256, 300, 700])
@pytest.mark.parametrize("center", [(128.0, 128.0), (131.7, 93.2), (3.0, 250.0)])
def test_every_face_gets_a_positive_anchor(size: float, center: tuple[float, float]) -> None:
    _, match = _assign([_square(*center, size)])
    assert (match.face == 0).any()


def test_a_crowd_of_touching_faces_leaves_none_without_an_anchor() -> None:
    boxes = [_square(20 + 24 * i, 20 + 24 * j, 22) for i in range(9) for j in range(9)]
    _, match = _assign(boxes)
    assert set(match.face.unique().tolist()) == set(range(-1, 81))


def test_positive_anchors_are_of_the_faces_size_and_near_its_center() -> None:
    anchors, match = _assign([_square(120, 120, 60)])
    positive = match.face[0] == 0
    assert set(anchors.sizes[positive].tolist()) == {64.0}
    assert (anchors.centers[positive] - 120).abs().max() <= 24


def test_padding_is_never_matched() -> None:
    anchors = Anchors(*anchor_grid(64, 64))
    boxes = torch.tensor([[[-1e4, -1e4, -1e4, -1e4]]])
    match = assign(anchors, boxes, torch.zeros(1, 1, dtype=torch.bool), torch.zeros(1, 0, 4))
    assert (match.face == -1).all()
    assert match.counted.all()


def test_anchors_in_a_doubtful_region_are_not_punished() -> None:
    anchors, match = _assign([], ignored=[[64, 64, 96, 96]])
    inside = ((anchors.centers >= 64) & (anchors.centers <= 96)).all(-1) & (anchors.sizes <= 128)
    assert torch.equal(~match.counted[0], inside)


def test_neighbors_of_a_positive_anchor_may_answer_or_not() -> None:
    _, match = _assign([_square(128, 128, 64)])
    assert (~match.counted & (match.face < 0)).any()
