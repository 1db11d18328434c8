"""Training pictures composed from photographs: one alone, letterboxed, in a grid of many, or none with a face."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from training.detector import negatives
from training.detector.photometric import degrade, occlude

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.detector.scenes import Photograph

    Image = NDArray[np.uint8]
    Floats = NDArray[np.float32]

SMALLEST = 9.0  # px: a face below this size (geometric mean of its sides) is not asked for
VISIBLE = 0.7  # part of a face's box that must lie inside the picture for the face to count
SHADOW = 0.15  # and part from which it makes the region doubtful
LARGEST_ZOOM = 5.0
_MIRRORED = (1, 0, 2, 4, 3)
_GRIDS, _GRID_ODDS = (2, 3, 4, 6), (0.45, 0.3, 0.17, 0.08)


class Sample(NamedTuple):
    """A picture and its labels."""

    pixels: Image  # BGR (H, W, 3)
    faces: Floats  # (N, 14): corner box and five landmarks; both may reach past the border
    doubtful: Floats  # (M, 4)


class Motion(NamedTuple):
    """A similarity transform: mirrored or not, rotated, scaled, then moved."""

    matrix: Floats  # (2, 3)
    scale: float
    angle: float  # radians
    mirrored: bool


def motion(
    source: Floats, target: Floats, scale: float, angle: float = 0.0, *, mirrored: bool = False
) -> Motion:
    """The transform that takes the point `source` to the point `target`, both (2,)."""
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.asarray(
        [[-cosine if mirrored else cosine, -sine], [-sine if mirrored else sine, cosine]]
    )
    matrix = np.concatenate([linear, (target - linear @ source)[:, None]], axis=1)
    return Motion(matrix.astype(np.float32), scale, angle, mirrored)


def move_boxes(boxes: Floats, move: Motion) -> Floats:
    """(N, 4) boxes after a motion: each the tight box of the rotated ellipse inside the old one."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    width, height = (boxes[:, 2:] - boxes[:, :2]).T * move.scale / 2
    cosine, sine = np.cos(move.angle), np.sin(move.angle)
    half = np.stack(
        [np.hypot(width * cosine, height * sine), np.hypot(width * sine, height * cosine)], 1
    )
    middle = middle @ move.matrix[:, :2].T + move.matrix[:, 2]
    return np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)


def move_faces(faces: Floats, move: Motion) -> Floats:
    """(N, 14) faces after a motion; a mirrored face's left and right points trade names."""
    points = faces[:, 4:].reshape(-1, 5, 2) @ move.matrix[:, :2].T + move.matrix[:, 2]
    if move.mirrored:
        points = points[:, _MIRRORED]
    return np.concatenate([move_boxes(faces[:, :4], move), points.reshape(-1, 10)], axis=1).astype(
        np.float32
    )


def place(
    scene: Photograph, move: Motion, size: tuple[int, int], border: tuple[int, int, int] | None
) -> Sample:
    """The photograph moved into a picture of `size` (width, height); `border` None mirrors it past its edges."""
    mode = cv2.BORDER_REFLECT_101 if border is None else cv2.BORDER_CONSTANT
    pixels = cv2.warpAffine(
        scene.pixels,
        move.matrix,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=mode,
        borderValue=border or (0, 0, 0),
    )
    faces = move_faces(scene.faces, move)
    doubtful = move_boxes(scene.doubtful, move)
    return sift(Sample(np.asarray(pixels, np.uint8), faces, doubtful))


def sift(sample: Sample) -> Sample:
    """Keep faces that are large enough and in view; those half in view or too small become doubtful regions."""
    height, width = sample.pixels.shape[:2]
    seen = visible(sample.faces[:, :4], width, height)
    sides = sample.faces[:, 2:4] - sample.faces[:, :2]
    kept = (seen >= VISIBLE) & (np.sqrt(sides.prod(axis=1)) >= SMALLEST)
    shadows = sample.faces[(seen > SHADOW) & ~kept, :4]
    doubtful = sample.doubtful[visible(sample.doubtful, width, height) > 0]
    return Sample(sample.pixels, sample.faces[kept], np.concatenate([doubtful, shadows]))


def visible(boxes: Floats, width: int, height: int) -> Floats:
    """Part of each (N, 4) box's area that lies inside the picture, (N,)."""
    limits = np.asarray([width, height], np.float32)
    inside = np.clip(np.minimum(boxes[:, 2:], limits) - np.maximum(boxes[:, :2], 0), 0, None).prod(
        axis=1
    )
    return np.asarray(
        inside / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-6), np.float32
    )


class Composer:
    """Draws one training picture per random generator from photographs with and without faces."""

    def __init__(self, scenes: Sequence[Photograph], empty: Sequence[Photograph] = ()) -> None:
        self._scenes = scenes
        self._empty = empty

    def __call__(self, rng: np.random.Generator, side: int) -> Sample:
        """A picture of `side` x `side` pixels."""
        kind = rng.random()
        if kind < 0.22:
            sample = self._letterboxed(rng, side)
        elif kind < 0.55:
            sample = self._tile(rng, (side, side), self._scene(rng))
        elif kind < 0.88:
            sample = self._grid(rng, side)
        else:
            sample = self._tile(rng, (side, side), self.without_faces(rng))
        for face in sample.faces:
            if rng.random() < 0.15:
                occlude(rng, sample.pixels, face)
        return sample._replace(pixels=degrade(rng, sample.pixels))

    def without_faces(self, rng: np.random.Generator) -> Photograph:
        """A made picture, a background, a photograph known to be empty, or one whose faces are covered."""
        kind = rng.random()
        if kind < 0.2:
            return negatives.procedural(rng)
        if kind < 0.27 and self._empty:
            return self._empty[int(rng.integers(len(self._empty)))]
        if kind < 0.72:
            return negatives.background(rng, self._scene(rng)) or negatives.procedural(rng)
        cover = negatives.background(rng, self._scene(rng)) or negatives.procedural(rng)
        return negatives.covered(rng, self._scene(rng), cover.pixels)

    def _scene(self, rng: np.random.Generator) -> Photograph:
        return self._scenes[int(rng.integers(len(self._scenes)))]

    def _letterboxed(self, rng: np.random.Generator, side: int) -> Sample:
        """The whole photograph at the top left on black, as the service shows it to the network."""
        scene = self._scene(rng)
        scale = side / max(scene.size)
        mirrored = bool(rng.random() < 0.5)
        corner = np.asarray([scene.size[0] - 1 if mirrored else 0, 0], np.float32)
        move = motion(corner, np.zeros(2, np.float32), scale, mirrored=mirrored)
        return place(scene, move, (side, side), (0, 0, 0))

    def _tile(self, rng: np.random.Generator, size: tuple[int, int], scene: Photograph) -> Sample:
        """The photograph with one of its faces at a random size, place and tilt."""
        angle = (
            float(np.clip(rng.normal(0, 9), -25, 25)) * np.pi / 180 if rng.random() < 0.7 else 0.0
        )
        mirrored = bool(rng.random() < 0.5)
        target = (rng.uniform(0.15, 0.85, 2) * size).astype(np.float32)
        if len(scene.faces):
            face = scene.faces[int(rng.integers(len(scene.faces)))]
            source, scale = _aim(rng, face, min(size))
            return place(
                scene, motion(source, target, scale, angle, mirrored=mirrored), size, _border(rng)
            )
        source = (rng.uniform(0.15, 0.85, 2) * scene.size).astype(np.float32)
        scale = float(np.exp(rng.uniform(np.log(0.7), np.log(3.0)))) * min(size) / max(scene.size)
        return place(scene, motion(source, target, scale, angle, mirrored=mirrored), size, None)

    def _grid(self, rng: np.random.Generator, side: int) -> Sample:
        """Tiles of uneven sizes, about a third of them without faces."""
        count = int(rng.choice(_GRIDS, p=_GRID_ODDS))
        columns, rows = _cuts(rng, side, count), _cuts(rng, side, count)
        pixels = np.zeros((side, side, 3), np.uint8)
        faces, doubtful = [negatives.NO_FACES], [negatives.NO_REGIONS]
        for left, right in pairwise(columns):
            for top, bottom in pairwise(rows):
                scene = self._scene(rng) if rng.random() < 0.67 else self.without_faces(rng)
                tile = self._tile(rng, (right - left, bottom - top), scene)
                pixels[top:bottom, left:right] = tile.pixels
                faces.append(tile.faces + np.tile(np.asarray([left, top], np.float32), 7))
                doubtful.append(tile.doubtful + np.tile(np.asarray([left, top], np.float32), 2))
        return Sample(pixels, np.concatenate(faces), np.concatenate(doubtful))


def _aim(rng: np.random.Generator, face: Floats, side: int) -> tuple[Floats, float]:
    """A point near the face's center and a zoom that brings the face to a log-uniform size."""
    size = float(np.sqrt((face[2] - face[0]) * (face[3] - face[1])))
    low = max(SMALLEST + 1, 0.1 * side)
    wanted = float(np.exp(rng.uniform(np.log(low), np.log(max(1.1 * side, low + 1)))))
    zoom = min(wanted / size, LARGEST_ZOOM)
    return ((face[:2] + face[2:4]) / 2).astype(np.float32), zoom


def _border(rng: np.random.Generator) -> tuple[int, int, int]:
    if rng.random() < 0.6:
        return (0, 0, 0)
    blue, green, red = rng.integers(0, 256, 3)
    return int(blue), int(green), int(red)


def _cuts(rng: np.random.Generator, side: int, count: int) -> list[int]:
    """`count` + 1 cut points from 0 to `side`, each inner one moved by up to a quarter of a tile."""
    inner = (np.arange(1, count) + rng.uniform(-0.25, 0.25, count - 1)) * side / count
    return [0, *(int(cut) for cut in inner), side]
