"""Sets of pairs of aligned crops: `.bin` files, and folders with a list of pairs."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.metrics import folds_in_order
from models.pairs import Pair, PairsUnreadable, parse_pairs
from training.evaluate import unpickling
from training.evaluate.crops import Crop, Read, decode_crop, read_crop
from training.evaluate.errors import EvaluationError


@dataclass(frozen=True)
class PairSet:
    """P pairs over `count` crops: pair p compares crops `first[p]` and `second[p]`, (P,) int64.

    `same` (P,) says whether they show one person, `folds` which part of the file a pair is in.
    """

    name: str
    read: Read
    count: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    same: NDArray[np.bool_]
    folds: list[int]


def read_bin(path: Path) -> PairSet:
    """A `.bin` of insightface: a pickle of 2P images and P truths; pair p is (2p, 2p + 1).

    Nothing in the file is executed. Every image is decoded once before anything is computed.
    Raises EvaluationError for another content, an odd count or an image that cannot be decoded.
    """
    images, truths = _unpickled(path)
    if len(images) % 2 or len(images) != 2 * len(truths):
        raise EvaluationError(
            f"{path} holds {len(images)} images and {len(truths)} truths; a pair set has two "
            "images for each truth."
        )
    encoded = [_encoded(image, path, index) for index, image in enumerate(images)]
    same = _truths(path, truths)

    def read(index: int) -> Crop:
        return decode_crop(encoded[index], f"{path}: image {index}")

    _refuse_broken(path, len(encoded), read)
    first = np.arange(0, len(encoded), 2)
    folds = folds_in_order(len(same))
    return _checked(PairSet(path.stem, read, len(encoded), first, first + 1, same, folds), path)


def _unpickled(path: Path) -> tuple[Sequence[object], Sequence[object]]:
    try:
        content = unpickling.load(path.read_bytes())
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error
    except pickle.UnpicklingError as error:
        raise EvaluationError(
            f"{path} is refused: a pair set holds images and truths, this pickle has {error}."
        ) from error
    if not (isinstance(content, list) and len(content) == 2):
        raise EvaluationError(f"{path} is no pair set: its pickle is no tuple of two lists.")
    images, truths = content
    if not all(isinstance(part, list | np.ndarray) for part in (images, truths)):
        raise EvaluationError(f"{path} is no pair set: its pickle is no tuple of two lists.")
    return images, truths


def _encoded(image: object, path: Path, index: int) -> bytes:
    if isinstance(image, bytes | bytearray):
        return bytes(image)
    if isinstance(image, np.ndarray) and image.dtype == np.uint8:
        return image.tobytes()
    raise EvaluationError(f"{path}: image {index} is a {type(image).__name__}, no encoded bytes.")


def _truths(path: Path, truths: Sequence[object]) -> NDArray[np.bool_]:
    if not all(isinstance(truth, bool | int | np.bool_ | np.integer) for truth in truths):
        raise EvaluationError(f"{path}: a truth is neither true nor false.")
    return np.array([bool(truth) for truth in truths], dtype=np.bool_)


def _refuse_broken(path: Path, count: int, read: Read) -> None:
    broken = [message for index in range(count) if (message := _failure(read, index))]
    if broken:
        raise EvaluationError(
            f"{len(broken)} of {count} images of {path} cannot be used, the first: {broken[0]}"
        )


def _failure(read: Read, index: int) -> str | None:
    try:
        read(index)
    except EvaluationError as error:
        return str(error)
    return None


def read_folder(folder: Path, listing: Path) -> PairSet:
    """Crops in a folder and pairs of them: LFW's `pairs.txt`, or lines `path path 0|1`.

    Raises EvaluationError for a line that cannot be read or a crop that is not there.
    """
    pairs = _listed(listing)
    names = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    paths = [_present(folder, name) for name in names]
    place = {name: index for index, name in enumerate(names)}

    def read(index: int) -> Crop:
        return read_crop(paths[index])

    return _checked(
        PairSet(
            name=folder.name,
            read=read,
            count=len(paths),
            first=np.array([place[pair.first] for pair in pairs], np.int64),
            second=np.array([place[pair.second] for pair in pairs], np.int64),
            same=np.array([pair.same for pair in pairs], np.bool_),
            folds=[pair.fold for pair in pairs],
        ),
        listing,
    )


def _listed(path: Path) -> list[Pair]:
    try:
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}.") from error
    if lines and len(lines[0]) < 3:
        try:
            return parse_pairs(path)
        except PairsUnreadable as error:
            raise EvaluationError(str(error)) from error
    folds = folds_in_order(len(lines))
    return [_line(path, fold, line) for fold, line in zip(folds, lines, strict=True)]


def _line(path: Path, fold: int, line: Sequence[str]) -> Pair:
    if len(line) != 3 or line[2] not in ("0", "1"):
        raise EvaluationError(
            f"{path}: cannot read the line {' '.join(line)!r}; expected 'path path 0' or "
            "'path path 1'."
        )
    return Pair(fold, line[2] == "1", line[0], line[1])


def _present(folder: Path, name: str) -> Path:
    """The crop of that name, whatever its file type: aligned copies are often PNG."""
    named = folder / name
    for path in (named, *(named.with_suffix(suffix) for suffix in (".png", ".jpg"))):
        if path.is_file():
            return path
    raise EvaluationError(f"{named} does not exist.")


def _checked(pairs: PairSet, path: Path) -> PairSet:
    if not pairs.same.any() or pairs.same.all():
        raise EvaluationError(f"{path} needs pairs of one person and pairs of two.")
    return pairs
