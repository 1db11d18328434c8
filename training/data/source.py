"""What a data set of aligned faces is to the trainer: numbered pictures with an identity each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.alignment import CROP_SIZE

Image = NDArray[np.uint8]
# What a standard decoder makes of a stored picture: "rgb" for every file made the usual way,
# "bgr" where whoever packed the set swapped red and blue first. Nothing fails when it is wrong;
# accuracy just drops (AdaFace issue 113), so no source guesses it.
Color = Literal["rgb", "bgr"]

# Crops carry no meaningful EXIF orientation, and no other trainer applies it.
DECODING = {
    "rgb": cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
    "bgr": cv2.IMREAD_COLOR_BGR | cv2.IMREAD_IGNORE_ORIENTATION,
}
JPEG_START, JPEG_END, PNG_START = b"\xff\xd8", b"\xff\xd9", b"\x89PNG"


class CorruptRecord(ValueError):
    """One picture cannot be used; the loader counts it and takes another."""


class Unfit(CorruptRecord):
    """A picture that decodes but is not what was promised: another size, or an impossible label.

    One of them is a blemish like any corrupt record; at the start of a run they mean that the
    whole set is not what the trainer was told, so opening a source refuses it.
    """


class Example(NamedTuple):
    """One aligned crop, (112, 112, 3) uint8 RGB, and the identity on it, 0 to classes - 1."""

    image: Image
    label: int


class View(NamedTuple):
    """An augmented crop and how badly it was degraded, 0 (not at all, or nobody knows) to 1."""

    image: Image
    severity: float


class Source(Protocol):
    """Pictures that can be read in any order."""

    @property
    def classes(self) -> int:
        """Number of identities; labels are 0 to `classes - 1`."""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 of what the data is; a checkpoint keeps it."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Example:
        """Picture `index`, 0 to `len - 1`. Raises CorruptRecord where it cannot be used."""


def write_whole(path: Path, content: str) -> None:
    """Writes a text file whole or not at all, also where several ranks do it at once."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(content, encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def decode(encoded: bytes | memoryview, color: Color, name: str) -> Image:
    """The (h, w, 3) uint8 RGB picture in a JPEG, PNG or WebP file; `name` is for the error.

    Raises CorruptRecord. A JPEG without an end marker is one: OpenCV would return it with its
    lower part gray and only libjpeg's warning on stderr to tell.
    """
    data = bytes(encoded)
    if data.startswith(JPEG_START) and JPEG_END not in data:
        raise CorruptRecord(f"{name} holds a truncated JPEG.")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), DECODING[color])
    except cv2.error:  # nothing in it, or more pixels than OpenCV agrees to decode
        image = None
    if image is None:
        raise CorruptRecord(f"{name} holds no picture that can be decoded.")
    return np.asarray(image, dtype=np.uint8)


def crop(image: Image, name: str, *, resize: bool = False) -> Image:
    """`image` if it is 112×112, or made so. Raises Unfit where it is not and may not be."""
    height, width = image.shape[:2]
    if (height, width) == (CROP_SIZE, CROP_SIZE):
        return image
    if not resize:
        raise Unfit(
            f"{name} is {width}×{height} pixels, not an aligned 112×112 crop; "
            "align the photographs first, or pass `resize` where they are aligned already."
        )
    kernel = cv2.INTER_AREA if min(height, width) > CROP_SIZE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (CROP_SIZE, CROP_SIZE), interpolation=kernel), np.uint8)


def label(value: float, classes: int, name: str) -> int:
    """`value` as a label. Raises CorruptRecord or, for an identity out of range, Unfit."""
    if not float(value).is_integer():
        raise CorruptRecord(f"{name} has the label {value}, which is no whole number.")
    if not 0 <= value < classes:
        raise Unfit(f"{name} has the label {value:.0f}, outside 0 to {classes - 1}.")
    return int(value)


def probe(source: Source, name: str, count: int = 16) -> None:
    """Reads `count` pictures spread over the source.

    Raises ValueError, with what to do, for an empty source, for any Unfit one and where none
    of them can be used.
    """
    if not len(source):
        raise ValueError(f"{name} holds no pictures.")
    places = np.linspace(0, len(source) - 1, min(count, len(source))).astype(int)
    corrupt: list[CorruptRecord] = []
    for index in places:
        try:
            source.read(int(index))
        except Unfit as unfit:
            raise ValueError(f"{name} cannot be trained on: {unfit}") from None
        except CorruptRecord as record:
            corrupt.append(record)
    if len(corrupt) == len(places):
        raise ValueError(
            f"None of {len(places)} pictures tried in {name} is readable: {corrupt[0]}"
        )
