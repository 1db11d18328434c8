"""Large photographs are decoded at a fraction of their size where that costs no face its pixels."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest

from models.alignment import density
from service.budget import PixelBudget
from service.errors import ImageTooLarge, NotAligned
from service.images import Limits, Reduction
from service.scenes import DENSE, Locator, Scene, Selection
from tests import photographs
from tests.images import jpeg, png

from .networks import networks

EVERY = Selection(max_faces=100)


class Watched(PixelBudget):
    """Remembers the pixels that each decoding took."""

    def __init__(self) -> None:
        super().__init__(10**9)
        self.taken: list[int] = []

    def holding(self, pixels: int):
        self.taken.append(pixels)
        return super().holding(pixels)


def seen(body: bytes, selection: Selection = EVERY) -> tuple[Scene, list[int]]:
    budget = Watched()
    locator = Locator(networks().detector, Limits(), budget)
    return locator(locator.admitted(body, selection)), budget.taken


def astronaut(width: int, height: int, face: int) -> PIL.Image.Image:
    """The astronaut's photograph `face` pixels wide, on gray."""
    picture = PIL.Image.new("RGB", (width, height), (110, 110, 110))
    own = PIL.Image.open(io.BytesIO(photographs.astronaut())).convert("RGB")
    picture.paste(own.resize((face, face), PIL.Image.Resampling.BICUBIC), (100, 100))
    return picture


def embedded(scene: Scene) -> np.ndarray:
    return networks().recognizer(np.stack([face.crop for face in scene.faces])).embeddings


@pytest.mark.parametrize(
    ("face", "decoded"), [(2900, [4]), (1500, [4, 2]), (900, [4, 1])], ids=["1/4", "1/2", "1/1"]
)
def test_a_photograph_is_decoded_as_small_as_its_faces_allow(
    face: int, decoded: list[Reduction]
) -> None:
    picture = astronaut(3900, 3100, face)
    reduced, taken = seen(jpeg(picture))
    assert taken == [3900 * 3100 // by**2 for by in decoded]
    whole, _ = seen(jpeg(picture, progressive=True))  # which is never reduced
    assert (reduced.width, reduced.height) == (whole.width, whole.height) == (3900, 3100)
    assert np.sum(embedded(reduced) * embedded(whole)) > 0.99
    [ours], [theirs] = reduced.faces, whole.faces
    assert ours.detection is not None
    assert theirs.detection is not None
    apart = np.abs(ours.detection.landmarks - theirs.detection.landmarks)
    assert apart.max() < 0.02 * face
    assert ours.components.inter_eye_distance == pytest.approx(
        theirs.components.inter_eye_distance, rel=0.05
    )
    assert decoded[-1] == 1 or density(ours.detection.landmarks) / decoded[-1] >= DENSE


def test_only_the_faces_that_are_wanted_ask_for_pixels() -> None:
    picture = astronaut(3900, 3100, 2900)
    small = PIL.Image.open(io.BytesIO(photographs.astronaut())).convert("RGB").resize((880, 880))
    picture.paste(small, (3010, 900))
    every, taken = seen(jpeg(picture))
    assert len(every.faces) == 2
    assert len(taken) == 2
    largest, taken = seen(jpeg(picture), Selection(max_faces=100, largest=True))
    assert len(largest.faces) == len(taken) == 1


def test_a_reduced_photograph_is_turned_upright() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise for viewing
    turned = astronaut(3900, 3100, 2900).transpose(PIL.Image.Transpose.ROTATE_90)
    scene, taken = seen(jpeg(turned, exif=exif.tobytes()))
    assert len(taken) == 1
    assert (scene.width, scene.height) == (3900, 3100)
    assert len(scene.faces) == 1


def test_what_is_refused_is_refused_by_its_header() -> None:
    locator = Locator(networks().detector, Limits(max_pixels=100), PixelBudget(1))
    with pytest.raises(ImageTooLarge):
        locator.admitted(photographs.portrait(), EVERY)
    locator = Locator(networks().detector, Limits(), PixelBudget(1))
    with pytest.raises(NotAligned, match="640x480"):
        locator.admitted(photographs.portrait(), Selection(max_faces=1, aligned=True))


def test_every_stage_is_timed() -> None:
    assert set(seen(photographs.portrait())[0].milliseconds) == {"decode", "detect", "align"}
    aligned = seen(png(np.zeros((112, 112, 3), np.uint8)), Selection(max_faces=1, aligned=True))[0]
    assert set(aligned.milliseconds) == {"decode"}
