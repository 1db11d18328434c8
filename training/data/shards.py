"""Tar shards, streamed: for sets too large to read in random order, on a disk or behind a URL.

The order is made of lanes. Shards are permuted for every epoch and dealt to a fixed number of
lanes; a lane reads its shards one after the other through a shuffle buffer that starts and ends
with each, and position p of a run is turn p // lanes of lane p % lanes. Ranks and workers divide
the lanes among them, so the order depends on none of them, and going on in the middle costs each
lane no more than the start of one shard.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import cv2
import webdataset  # type: ignore[import-untyped] # it ships stubs without saying so
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from webdataset import tariterators

from training.data.order import permutation
from training.data.source import (
    Color,
    CorruptRecord,
    Example,
    Source,
    crop,
    decode,
    label,
    write_whole,
)

INDEX = "index.json"
PICTURES = ("jpg", "jpeg", "png", "webp")
LABEL = "cls"

Files = dict[str, Any]  # extension -> bytes, and webdataset's `__key__` and `__url__`


class Shard(BaseModel):
    """One archive: a plain file name (an index from elsewhere names no commands) and its size."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Annotated[str, Field(pattern=r"^[\w.-]+\.tar$")]
    samples: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]


class Index(BaseModel):
    """What `index.json` says beside the shards."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    classes: Annotated[int, Field(ge=1)]
    shards: tuple[Shard, ...]


class Place(NamedTuple):
    """A sample before it is decoded; `number` is its number in the whole set."""

    epoch: int
    number: int
    files: Files


class Shards:
    """The samples of `*.tar` files in the webdataset habit: `<key>.jpg` (or png, webp) and `<key>.cls`.

    `location` is a folder, a URL, or any command of webdataset's with `{shard}` in it, such as
    `pipe:aws s3 cp s3://faces/{shard} -`. A folder without `index.json` is read through once to
    write it; elsewhere it has to be there. `buffer` counts encoded pictures in each lane.

    Raises ValueError with one sentence where there is nothing to read or no index to go by.
    """

    def __init__(
        self, location: str | Path, *, color: Color, lanes: int = 48, buffer: int = 1000
    ) -> None:
        if lanes < 1 or buffer < 1:
            raise ValueError("Shards need at least one lane and a buffer of at least one picture.")
        self.location, self.color = str(location), color
        self.lanes, self.buffer = lanes, buffer
        self._index = self._read_index()
        self.shards, self.classes = self._index.shards, self._index.classes
        if not len(self):
            raise ValueError(f"{self.location} holds no samples.")

    def __len__(self) -> int:
        return sum(shard.samples for shard in self.shards)

    @property
    def fingerprint(self) -> str:
        """Of the index: the names, sizes and sample counts of the shards."""
        stated = f"shards {self.color} {self._index.model_dump_json()}"
        return hashlib.sha256(stated.encode()).hexdigest()

    def lane(self, number: int, seed: int, start: int) -> Iterator[Place]:
        """The turns of a lane from `start` on, without end."""
        turn = number
        while True:
            epoch, place = divmod(turn, len(self.shards))
            shard = int(permutation(seed, epoch, len(self.shards))[place])
            if start < self.shards[shard].samples:
                yield from islice(self._shuffled(seed, epoch, shard), start, None)
            start = max(0, start - self.shards[shard].samples)
            turn += self.lanes

    def places(self) -> Iterator[Place]:
        """Every sample once, in the order of the archives."""
        for shard in range(len(self.shards)):
            yield from self._stored(0, shard)

    def example(self, place: Place) -> Example:
        """The decoded sample. Raises CorruptRecord where it cannot be used."""
        if not place.files:
            raise CorruptRecord(f"Sample {place.number} of {self.location} cannot be read.")
        name = f"Sample {place.files['__key__']} of {self.location}"
        picture = next((place.files[kind] for kind in PICTURES if kind in place.files), b"")
        try:
            stated = float(place.files[LABEL])
        except (KeyError, ValueError):
            raise CorruptRecord(f"{name} has no label.") from None
        identity = label(stated, self.classes, name)
        return Example(crop(decode(picture, self.color, name), name), identity)

    def _shuffled(self, seed: int, epoch: int, shard: int) -> Iterator[Place]:
        rng = random.Random(f"{seed} {epoch} {shard}")
        mix = webdataset.shuffle(self.buffer, initial=self.buffer, rng=rng)
        shuffled: Iterator[Place] = mix(self._stored(epoch, shard))
        return shuffled

    def _stored(self, epoch: int, shard: int) -> Iterator[Place]:
        """As many samples as the index says: what a damaged archive lacks is an empty one."""
        first = sum(shard.samples for shard in self.shards[:shard])
        found = chain(_samples(self._url(self.shards[shard].name)), repeat(Files()))
        for number, files in enumerate(islice(found, self.shards[shard].samples)):
            yield Place(epoch, first + number, files)

    def _url(self, name: str) -> str:
        if "{shard}" in self.location:
            return self.location.replace("{shard}", name)
        return f"{self.location.rstrip('/')}/{name}"

    def _read_index(self) -> Index:
        folder = Path(self.location)
        if folder.is_dir() and not (folder / INDEX).exists():
            write_whole(folder / INDEX, scanned(folder).model_dump_json(indent=1))
        try:
            with webdataset.gopen(self._url(INDEX)) as stream:
                return Index.model_validate_json(stream.read())
        except (OSError, ValidationError) as error:
            cause = "cannot be read" if isinstance(error, OSError) else "is no index of shards"
            raise ValueError(f"{self._url(INDEX)} {cause}: {error}") from None


class Cursor:
    """One lane as a worker walks along it."""

    def __init__(self, shards: Shards, lane: int, seed: int, start: int) -> None:
        self._shards, self._at = shards, start
        self._places = shards.lane(lane, seed, start)
        self._ahead: deque[Place] = deque()

    def take(self, turn: int, limit: int) -> tuple[Place, Example, bool]:
        """The sample at `turn`, which is past the last one taken, and whether another stands in.

        In place of a corrupt one stands the next that can be used, which also keeps its own turn.
        Raises ValueError where `limit` samples in a row cannot be used.
        """
        while self._at < turn:
            self._look(1)
            self._ahead.popleft()
            self._at += 1
        for tried in range(limit):
            self._look(tried + 1)
            try:
                example = self._shards.example(self._ahead[tried])
            except CorruptRecord as error:
                last = error
                continue
            return self._ahead[0], example, tried > 0
        raise ValueError(f"{limit} samples in a row cannot be used; the last: {last}")

    def _look(self, count: int) -> None:
        while len(self._ahead) < count:
            self._ahead.append(next(self._places))


def _samples(url: str) -> Iterator[Files]:
    """The samples of one archive as far as it can be read."""
    go_on = webdataset.ignore_and_continue
    with suppress(OSError), webdataset.gopen(url) as stream:
        opened = [{"url": url, "stream": stream}]  # webdataset would leave its own file open
        members = tariterators.tar_file_expander(opened, handler=go_on)
        yield from tariterators.group_by_keys(members, handler=go_on)


def scanned(folder: Path) -> Index:
    """The index of a folder of shards, from reading all of them. Raises ValueError for none."""
    shards, classes = [], 0
    for path in sorted(folder.glob("*.tar")):
        labels = [files.get(LABEL, b"") for files in _samples(str(path))]
        numbers = [int(value) for value in labels if value.strip().isdigit()]
        classes = max([classes, *(number + 1 for number in numbers)])
        shards.append(Shard(name=path.name, samples=len(labels), bytes=path.stat().st_size))
    if not classes:
        raise ValueError(f"{folder} holds no .tar files with pictures and .cls labels.")
    return Index(classes=classes, shards=tuple(shards))


def write_shards(  # noqa: PLR0913 - what is written, where and how
    source: Source,
    folder: Path,
    per_shard: int = 10_000,
    *,
    seed: int = 0,
    quality: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Writes a source as shards into the new `folder`; returns how many pictures were corrupt.

    In random order, because a lane mixes only what is near: shards in the order of identities
    would make batches of few people. Lossless PNG, or JPEG of `quality` 1 to 100, which takes a
    third of the space. The folder appears when it is complete.

    Raises FileExistsError where `folder`, or what an interrupted run left of it, exists.
    """
    partial = folder.with_name(folder.name + ".partial")
    for place in (folder, partial):
        if place.exists():
            raise FileExistsError(
                f"{place} exists; delete it, or name a new folder for the shards."
            )
    partial.mkdir(parents=True)
    order = permutation(seed, 0, len(source))
    shards, corrupt = [], 0
    for number, start in enumerate(range(0, len(source), per_shard)):
        path = partial / f"{number:06d}.tar"
        chosen = order[start : start + per_shard].tolist()
        written = _write_shard(source, chosen, path, quality)
        corrupt += len(chosen) - written
        shards.append(Shard(name=path.name, samples=written, bytes=path.stat().st_size))
        progress(len(chosen))
    index = Index(classes=source.classes, shards=tuple(shards))
    write_whole(partial / INDEX, index.model_dump_json(indent=1))
    partial.rename(folder)
    return corrupt


def _write_shard(source: Source, indices: list[int], path: Path, quality: int | None) -> int:
    """Writes one archive, the same bytes for the same pictures; returns the number of samples."""
    kind = "png" if quality is None else "jpg"
    options = [] if quality is None else [cv2.IMWRITE_JPEG_QUALITY, quality]
    written = 0
    with path.open("wb") as file, webdataset.TarWriter(file, encoder=False, mtime=0) as archive:
        for index in indices:
            try:
                example = source.read(index)
            except CorruptRecord:
                continue
            coded = cv2.imencode(f".{kind}", example.image[:, :, ::-1], options)[1].tobytes()
            archive.write({"__key__": f"{index:09d}", kind: coded, LABEL: b"%d" % example.label})
            written += 1
    return written
