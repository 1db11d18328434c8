"""From image bytes to the faces cut out of them: decode -> detect -> align, in one go on one thread.

In one go, since a decoded picture must not wait: what lies in a queue is compressed, and the
pixels in memory are those of the workers, however many requests there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from opentelemetry.context import Context

from models.alignment import CROP_SIZE, DegenerateLandmarks, align, density
from models.components import Components, components
from service import tracing
from service.budget import PixelBudget
from service.detection import Detection, Detector
from service.errors import NotAligned
from service.images import Header, Image, Limits, Reduction, admit, header, picture, reduction
from service.telemetry import observe

Crop = NDArray[np.uint8]  # (112, 112, 3) RGB
Times = dict[str, float]

# A photograph is decoded at a fraction of its size where its longer side stays ENOUGH times that of
# the detector's input, and again at a larger one where a face would be cut from fewer than DENSE of
# its pixels per pixel of the crop; docs/adr/0005-reduced-decoding.md has the measurements.
ENOUGH: Final = 1.5
DENSE: Final = 1.4


@dataclass(frozen=True, slots=True)
class Selection:
    """Which faces of an image are wanted."""

    max_faces: int
    largest: bool = False
    aligned: bool = False  # the image is a 112x112 crop already
    threshold: float | None = None  # detection score; None is the bundle's

    @property
    def limit(self) -> int:
        return 1 if self.largest else self.max_faces


@dataclass(frozen=True, slots=True)
class Located:
    """A face that was found and cut out; `detection` is None for a crop that came aligned."""

    crop: Crop
    detection: Detection | None
    components: Components


@dataclass(frozen=True, slots=True)
class Scene:
    """An image's upright size and the faces cut out of it. `truncated`: more were found than wanted.

    `milliseconds` are those that each stage took.
    """

    width: int
    height: int
    faces: list[Located]
    truncated: bool
    milliseconds: Times


class Photograph(NamedTuple):
    """Image bytes that `admitted` let in, which faces are wanted of them, and whose trace it is."""

    body: bytes
    head: Header
    selection: Selection
    place: Context | None


class Locator:
    """Finds the faces of photographs and cuts them out. Thread-safe."""

    def __init__(self, detector: Detector, limits: Limits, budget: PixelBudget) -> None:
        self._detector, self._limits, self._budget = detector, limits, budget

    def admitted(self, body: bytes, selection: Selection) -> Photograph:
        """The photograph, of which only the first bytes were looked at.

        Raises ImageTooLarge, NotAligned, and what `images.header` raises.
        """
        head = header(body)
        admit(head, self._limits)
        if selection.aligned and (head.width, head.height) != (CROP_SIZE, CROP_SIZE):
            raise NotAligned(
                f"An aligned crop is {CROP_SIZE}x{CROP_SIZE} pixels, this image is {head.width}x"
                f"{head.height}; leave aligned=true out to have the face found."
            )
        return Photograph(body, head, selection, tracing.here())

    def each(self, photographs: Sequence[Photograph]) -> list[Scene]:
        """The scene of each: the shape a Batcher runs. Raises UndecodableImage."""
        scenes = []
        for photograph in photographs:
            with tracing.below(photograph.place):
                scenes.append(self(photograph))
        return scenes

    def __call__(self, photograph: Photograph) -> Scene:
        """What a photograph shows. Raises UndecodableImage."""
        times: Times = {}
        if photograph.selection.aligned:
            with self._decoded(photograph, 1, times) as image:
                faces = [Located(image, None, components(image))]
            return Scene(CROP_SIZE, CROP_SIZE, faces, truncated=False, milliseconds=times)
        _, head, selection, _ = photograph
        found, faces = self._located(photograph, times)
        wide, high = (
            (head.height, head.width) if head.orientation > 4 else (head.width, head.height)
        )
        # Choosing the largest is a wish, not a loss: only a cut-off at max_faces is reported.
        truncated = not selection.largest and found > selection.limit
        return Scene(wide, high, faces, truncated, times)

    def _located(self, photograph: Photograph, times: Times) -> tuple[int, list[Located]]:
        """How many faces there are, and those wanted."""
        selection = photograph.selection
        reduced = reduction(photograph.head, ENOUGH * self._detector.input_size)
        with self._decoded(photograph, reduced, times) as image:
            with _timed(times, "detect"):
                found = self._detector(image, selection.threshold)
            wanted = found[: selection.limit]
            if (needed := _needed(wanted, reduced)) == reduced:
                return len(found), _cut_all(image, wanted, reduced, times)
        larger = [face.scaled(reduced / needed) for face in wanted]
        with self._decoded(photograph, needed, times) as image:
            return len(found), _cut_all(image, larger, needed, times)

    @contextmanager
    def _decoded(self, photograph: Photograph, by: Reduction, times: Times) -> Iterator[Image]:
        with self._budget.holding(photograph.head.pixels // by**2):
            with _timed(times, "decode"):
                image = picture(photograph.body, photograph.head, by)
            yield image


def _needed(faces: Sequence[Detection], reduced: Reduction) -> Reduction:
    """The reduction that leaves every face enough pixels; found in a picture at `reduced`."""
    least = min((density(face.landmarks) for face in faces), default=DENSE)
    possible: tuple[Reduction, ...] = (8, 4, 2)
    enough = (by for by in possible if by <= reduced and least * reduced >= by * DENSE)
    return next(enough, 1)


def _cut_all(
    image: Image, faces: Sequence[Detection], reduced: Reduction, times: Times
) -> list[Located]:
    with _timed(times, "align"):
        return [cut for face in faces if (cut := _cut(image, face, reduced))]


def _cut(image: Image, face: Detection, reduced: Reduction) -> Located | None:
    try:
        crop = align(image, face.landmarks)
    except DegenerateLandmarks:  # a detection whose points coincide is no face
        return None
    whole = face if reduced == 1 else face.scaled(reduced)
    frame = (reduced * image.shape[1], reduced * image.shape[0])
    return Located(crop, whole, components(crop, whole.landmarks, frame))


@contextmanager
def _timed(times: Times, stage: str) -> Iterator[None]:
    """Adds the time to the stage's; a second decoding is part of decoding."""
    started = perf_counter()
    with tracing.span(stage):
        yield
    spent = perf_counter() - started
    times[stage] = times.get(stage, 0.0) + 1000 * spent
    observe(stage, spent)
