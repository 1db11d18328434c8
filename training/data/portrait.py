"""Draws a face that does not exist: who it is comes from traits, how it looks from a view.

Everything is placed in the pixels of the 112×112 crop around the five-point template, so that
networks, alignment and detectors of the project see it where they expect a face.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.alignment import CROP_SIZE, TEMPLATE
from training.data.person import Field, Traits, View
from training.data.source import Image

Canvas = NDArray[np.uint8]
Points = NDArray[np.float64]
Paint = tuple[float, ...]

FRACTION = 4  # binary places of the coordinates handed to OpenCV
EYES = float(TEMPLATE[:2, 1].mean())
MOUTH = float(TEMPLATE[3:, 1].mean())
NOSE = float(TEMPLATE[2, 1])
MIDDLE = float(TEMPLATE[:, 0].mean())
HALF_EYES = float(TEMPLATE[1, 0] - TEMPLATE[0, 0]) / 2

CENTER = np.array([0.0, 20.0])  # of the roll: between eyes and mouth
# An eye's contour, from the left corner over the upper lid; 1 is half its size.
ALMOND = np.array(
    [(-1, 0.1), (-0.5, -1), (0, -1.15), (0.5, -1), (1, 0.1), (0.5, 0.8), (0, 1), (-0.5, 0.8)]
)
# Edges of the hair from the right temple to the left: x in half widths of the head; y in pixels
# below the hairline, at the temples below the eyes.
FRINGES = (
    np.array([(1, 2), (0.8, 4), (0, 3), (-0.8, 4), (-1, 2)]),
    np.array([(1, 2), (0.75, 6), (-0.3, -7), (-0.7, 2), (-1, 2)]),
    np.array([(1, -4), (0.8, -4), (0, -6), (-0.8, -4), (-1, -4)]),
)
DARK = (26.0, 18.0, 18.0)


def portrait(who: Traits, how: View, rng: np.random.Generator) -> Image:
    """The (112, 112, 3) uint8 RGB picture of a person in a view; `rng` draws the sensor's noise."""
    backdrop = cv2.resize(how.backdrop, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC)
    sketch = Sketch(who, how)
    sketch.behind()
    sketch.head()
    sketch.eyes()
    sketch.nose()
    sketch.mouth()
    sketch.front()
    canvas = np.asarray(backdrop, np.uint8)
    sketch.onto(canvas)
    return _photographed(canvas, who, how, rng)


class Stroke(NamedTuple):
    """A filled polygon, or a line one pixel wide; points relative to the middle of the eyes."""

    points: Points
    color: Paint
    depth: float
    closed: bool


class Sketch:
    """The drawing of one face, back to front."""

    def __init__(self, who: Traits, how: View) -> None:
        self.who, self.how = who, how
        self.by = who.shape
        self.strokes: list[Stroke] = []
        self.half_width = 36.0 + 4.5 * self.by["width"]
        self.up = 36.0 + 4.0 * self.by["forehead"]
        self.down = MOUTH - EYES + 22.0 + 4.0 * self.by["length"]

    def fill(self, points: object, color: object, depth: float = 0.0) -> None:
        """A polygon of a color, `depth` pixels in front of the eyes."""
        self.strokes.append(Stroke(np.asarray(points, np.float64), _paint(color), depth, True))

    def line(self, points: object, color: object, depth: float = 0.0) -> None:
        self.strokes.append(Stroke(np.asarray(points, np.float64), _paint(color), depth, False))

    def onto(self, canvas: Canvas) -> None:
        """Draws the strokes as seen in the view.

        A turned head moves what is in front of it; that and the roll are all the pose there is.
        Placed all at once: one by one they would take twice the time.
        """
        how, sizes = self.how, [len(stroke.points) for stroke in self.strokes]
        depth = np.repeat([stroke.depth for stroke in self.strokes], sizes)
        at = np.concatenate([stroke.points for stroke in self.strokes])
        at = at * (np.cos(how.turn), np.cos(how.nod))
        at += np.outer(depth, (np.sin(how.turn), np.sin(how.nod))) - CENTER
        roll = cv2.getRotationMatrix2D((0, 0), how.tilt, how.zoom)[:, :2]
        at = at @ roll.T + CENTER + (MIDDLE, EYES) + how.shift
        fixed = np.round(at * (1 << FRACTION)).astype(np.int32)
        placed = np.split(fixed, np.cumsum(sizes)[:-1])
        for stroke, points in zip(self.strokes, placed, strict=True):
            if stroke.closed:
                cv2.fillPoly(canvas, [points], stroke.color, cv2.LINE_AA, FRACTION)
            else:
                cv2.polylines(canvas, [points], False, stroke.color, 1, cv2.LINE_AA, FRACTION)

    def behind(self) -> None:
        """Long hair, neck and clothes."""
        who, wide = self.who, self.half_width
        if who.style != 3:
            volume = 5.0 + 2.5 * self.by["volume"]
            reach = self.down * (0.2, 0.75, 1.5)[who.style]
            self.fill(_oval(0, 2, wide + volume, self.up + volume + 4), who.hair, -14)
            side = wide + volume - 1
            self.fill([(-side, 0), (side, 0), (side + 2, reach), (-side - 2, reach)], who.hair, -14)
        neck = 0.62 * wide
        self.fill([(-neck, 30), (neck, 30), (neck + 3, 80), (-neck - 3, 80)], 0.8 * who.skin, -10)
        self.fill(
            [(-70, 72), (-neck, 62), (0, 70), (neck, 62), (70, 72), (70, 90), (-70, 90)],
            self.how.clothes,
            -10,
        )

    def head(self) -> None:
        """Ears, face with a shaded rim, cheeks, beard."""
        who, wide = self.who, self.half_width
        for side in (-1, 1):
            ear = _oval(side * wide, 8, 4.5 + self.by["ear"], 9 + 2 * self.by["ear"])
            self.fill(ear, 0.88 * who.skin, -8)
        outline = self._outline(1.0)
        self.fill(outline, 0.87 * who.skin)
        self.fill(self._outline(0.93), who.skin, 2)
        blush = who.skin * (1.0, 0.93, 0.93)
        for side in (-1, 1):
            self.fill(_oval(side * 0.58 * wide, 24, 8 + 2 * self.by["cheek"], 6), blush, 4)
        if who.beard == 4:
            low = outline[outline[:, 1] > 26]
            inner = low * (0.62, 1.0) - (0, 9)
            self.fill(np.concatenate([low, inner[::-1]]), 0.6 * who.hair + 0.4 * who.skin, 2)

    def _outline(self, scale: float) -> Points:
        """The head's contour: an ellipse whose lower half is squared by the jaw."""
        around = _circle(40)
        power = np.where(around[:, 1] > 0, 0.78 - 0.2 * self.by["jaw"], 1.0)
        x = np.sign(around[:, 0]) * np.abs(around[:, 0]) ** power
        taper = 1 - (0.16 - 0.1 * self.by["chin"]) * np.clip(around[:, 1], 0, 1) ** 2
        y = np.where(around[:, 1] > 0, self.down, self.up) * around[:, 1]
        return np.column_stack([self.half_width * x * taper, y]) * scale

    def eyes(self) -> None:
        """Eyes, brows and glasses."""
        apart = HALF_EYES * (1 + 0.09 * self.by["spacing"])
        for side in (-1, 1):
            at = np.array([side * apart, 0.0])
            self._eye(at, side)
            self._brow(at, side)
            if self.how.glasses:
                rim = _oval(side * apart, 1, 12, 9)
                self.line(np.concatenate([rim, rim[:1]]), DARK, 8)
        if self.how.glasses:
            self.line([(12 - apart, -1), (apart - 12, -1)], DARK, 8)

    def _eye(self, at: Points, side: int) -> None:
        by, gaze = self.by, at + np.array([self.how.gaze, -0.2])
        long, high = 7.0 + 1.3 * by["eye_size"], (3.4 + 0.9 * by["eye_open"]) * self.how.lids
        iris = 2.9 + 0.4 * by["eye_size"]
        almond = ALMOND * (long, high)
        almond[:, 1] -= 0.16 * by["eye_tilt"] * side * almond[:, 0]
        self.fill(_oval(at[0], at[1], long + 3, high + 4), 0.9 * self.who.skin, 3)
        self.fill(almond + at, (236, 232, 228), 4)
        self.fill(_oval(gaze[0], gaze[1], iris, min(iris, high)), self.who.iris, 4)
        self.fill(_oval(gaze[0], gaze[1], 0.45 * iris, min(0.45 * iris, high)), DARK, 4)
        self.fill(_oval(gaze[0] - 1, gaze[1] - 1, 0.7, 0.7), (250, 250, 250), 4)
        self.line(almond[:5] + at, DARK, 4)

    def _brow(self, at: Points, side: int) -> None:
        by = self.by
        high = 10.0 + 2.2 * by["brow_height"] + 1.5 * max(0.0, self.how.smile)
        thick = 1.7 + 0.9 * by["brow_weight"]
        x = np.array([-9.0, -3.0, 4.0, 10.0]) * side
        rise = (
            np.array([0, 1.2, 1.8 + by["brow_arch"], -0.6 - by["brow_arch"]])
            + 0.12 * by["brow_tilt"] * side * x
        )
        upper = np.column_stack([x, -high - rise - thick * np.array([0.9, 1, 0.8, 0.1])])
        lower = np.column_stack([x, -high - rise + thick * np.array([0.9, 0.8, 0.6, 0.1])])
        color = 0.75 * self.who.hair + 0.1 * self.who.skin
        self.fill(np.concatenate([upper, lower[::-1]]) + at, color, 4)

    def nose(self) -> None:
        by, skin, shadow = self.by, self.who.skin, 0.72 * self.who.skin
        wide, tip = 6.2 + 1.7 * by["nose_width"], NOSE - EYES + 2.5 * by["nose_length"]
        self.fill([(-2.2, 0), (2.2, 0), (wide, tip), (-wide, tip)], 0.95 * skin, 9)
        self.fill(_oval(0, tip, wide, 4), 0.95 * skin, 11)
        self.line([(2.5, 2), (0.55 * wide, tip - 5), (wide, tip)], shadow, 10)
        across, down = np.array([-1, -0.6, 0, 0.6, 1]), np.array([0, 3.5, 4.6, 3.5, 0])
        self.line(np.column_stack([wide * across, tip + down]), shadow, 11)
        for side in (-1, 1):
            self.fill(_oval(side * 0.5 * wide, tip + 2.6, 1.5, 0.9), 0.4 * skin, 11)
        self.fill(_oval(-0.6, tip - 1.5, 1.6, 1.6), np.minimum(255, 1.1 * skin), 12)

    def mouth(self) -> None:
        """Two lips that smile and open as the variation has it; teeth, and a moustache over a beard."""
        by, how = self.by, self.how
        at = MOUTH - EYES + 1.5 * by["mouth_height"]
        wide = 14.0 + 2.4 * by["mouth_width"] + how.smile
        upper, lower = 2.6 + 1.1 * by["upper_lip"], 3.6 + 1.3 * by["lower_lip"]
        x = np.array([-1, -0.55, -0.15, 0, 0.15, 0.55, 1]) * wide
        bend = 2.4 * how.smile * (0.5 - (x / wide) ** 2)
        gap = 3.2 * min(how.open, 2.0) * np.clip(1 - (x / wide) ** 2, 0, 1)
        shape = np.array([0, 0.8, 1.1, 0.85, 1.1, 0.8, 0])
        color = 0.55 * self.who.lips + 0.45 * self.who.skin * (0.95, 0.72, 0.72)
        top, seam, base = at + bend - upper * shape, at + bend, at + bend + gap
        under = base + lower * np.clip(1 - (x / wide) ** 2, 0, 1)
        if self.who.beard >= 3:
            moustache = 0.6 * self.who.hair + 0.4 * self.who.skin
            self.fill(_strip(1.1 * x, top - 4.5, seam), moustache, 8)
        self.fill(_strip(x, top, under), color, 8)
        self.fill(_strip(x, seam, base), (70, 26, 26), 8)
        if how.open > 0.5:
            self.fill(_strip(0.7 * x, seam, seam + 0.5 * gap), (238, 234, 226), 8)
        self.line(np.column_stack([x, seam]), 0.5 * color, 8)

    def front(self) -> None:
        """Hair over the forehead, moles and freckles."""
        who = self.who
        if who.style != 3:
            self.fill(self._fringe(), who.hair, 3)
        for x, y, size in who.marks:
            self.fill(_oval(x, y, size, size), 0.45 * who.skin, 6)
        for x, y in who.freckles:
            self.fill(_oval(x, y, 0.7, 0.6), 0.8 * who.skin, 6)

    def _fringe(self) -> Points:
        """From the left temple over the crown to the right one, and back along the hair's edge."""
        wide, top = self.half_width + 1.5, -self.up - 4
        line = top + 17 + 4.0 * self.by["hairline"]
        edge = FRINGES[self.who.fringe] * (wide, 1)
        edge[1:-1, 1] += line
        crown = _circle(24)
        crown = crown[crown[:, 1] <= 0] * (wide, -top)
        return np.concatenate([crown[np.argsort(crown[:, 0])], edge])


def _photographed(canvas: Canvas, who: Traits, how: View, rng: np.random.Generator) -> Image:
    """Skin texture, light, blur and noise."""
    x, y, vignette = _grid()
    texture = cv2.resize(who.texture, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC)
    light = 1 + 0.035 * texture + how.light[0] * x + how.light[1] * y - 0.22 * vignette
    if how.blur > 0.3:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), how.blur), np.uint8)
    image = canvas * (np.clip(light, 0.25, 1.9)[:, :, None] * how.gain.astype(np.float32))
    across, down = rng.integers(0, 64, 2)
    image += np.float32(how.noise) * _grain()[down:, across:][:CROP_SIZE, :CROP_SIZE]
    return np.asarray(np.clip(image, 0, 255, out=image), np.uint8)


@lru_cache(maxsize=1)
def _grid() -> tuple[Field, Field, Field]:
    """Across and down the crop, -1 to 1, and the squared distance from the face's middle."""
    y, x = np.mgrid[-1 : 1 : CROP_SIZE * 1j, -1 : 1 : CROP_SIZE * 1j].astype(np.float32)
    return x, y, ((x / 0.75) ** 2 + ((y - 0.1) / 0.95) ** 2).clip(0, 2)


@lru_cache(maxsize=1)
def _grain() -> Field:
    """(176, 176, 3) standard normal; fresh noise for each picture would cost as much as the face."""
    return np.random.default_rng(0).standard_normal((176, 176, 3), dtype=np.float32)


@lru_cache(maxsize=4)
def _circle(count: int) -> Points:
    angle = np.arange(count) * (2 * np.pi / count)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _oval(x: float, y: float, wide: float, high: float) -> Points:
    return _circle(16) * (wide, high) + (x, y)


def _strip(x: Points, upper: Points, lower: Points) -> Points:
    return np.concatenate([np.column_stack([x, upper]), np.column_stack([x, lower])[::-1]])


def _paint(color: object) -> Paint:
    return tuple(float(c) for c in np.asarray(color))
