"""A report counts what is there: people, damage, and pictures that are there twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.training.data.pictures import Numbered, encoded, picture
from training.data.folder import Folder
from training.data.report import inspect
from training.data.shards import Shards, write_shards
from training.data.source import Example


class Sequence(Numbered):
    """Pictures given by (what is on it, label)."""

    def __init__(self, given: list[tuple[int, int]]) -> None:
        super().__init__(len(given), classes=9)
        self.given = given

    def read(self, index: int) -> Example:
        number, label = self.given[index]
        return Example(np.full((112, 112, 3), number, np.uint8), label)


def test_duplicates_and_the_contradictions_among_them_are_counted() -> None:
    report = inspect(Sequence([(1, 0), (2, 0), (1, 0), (1, 5), (3, 5), (4, 5), (5, 5), (5, 5)]))
    assert (report.images, report.read, report.classes, report.present) == (8, 8, 9, 2)
    assert report.duplicates == 3
    assert report.conflicts in {1, 2}  # which of the three pictures comes first is drawn
    assert (report.per_identity[0.0], report.per_identity[1.0]) == (3, 5)


def test_corrupt_pictures_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encoded(picture(int(name[2]))))
    (tmp_path / "a/2.png").write_bytes(b"gone")
    report = inspect(Folder(tmp_path))
    assert (report.read, report.corrupt, report.duplicates, report.present) == (3, 1, 0, 2)
    assert "a/2.png holds no picture" in report.first_corrupt


def test_a_part_of_a_large_set_can_be_looked_at(tmp_path: Path) -> None:
    seen: list[int] = []
    report = inspect(Numbered(100), limit=30, progress=seen.append)
    assert (report.images, report.read, len(seen)) == (100, 30, 30)
    write_shards(Numbered(20), tmp_path / "shards", 6)
    streamed = inspect(Shards(tmp_path / "shards", color="rgb"), limit=13)
    assert (streamed.images, streamed.read, streamed.corrupt) == (20, 13, 0)
