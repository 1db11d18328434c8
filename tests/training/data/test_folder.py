"""A folder of people is frozen by its manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.data.pictures import encoded, picture
from training.data.folder import Folder, read_manifest
from training.data.source import CorruptRecord


def people(root: Path) -> Path:
    """10 (2 pictures), 9 (1), and an empty folder and a note that are nobody."""
    for name, number in (("10/b.png", 1), ("10/a.png", 0), ("9/a.PNG", 2)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(picture(number)))
    (root / "0 empty").mkdir()
    (root / "10/notes.txt").write_text("not a picture")
    return root


def test_people_are_numbered_by_name_and_pictures_come_in_order(tmp_path: Path) -> None:
    source = Folder(people(tmp_path))
    entries = list(read_manifest(tmp_path / "manifest.tsv"))
    assert [entry[:2] for entry in entries] == [
        ("10/a.png", 0),
        ("10/b.png", 0),
        ("9/a.PNG", 1),
    ]
    assert (source.classes, len(source)) == (2, 3)
    for number in range(3):
        example = source.read(number)
        assert np.array_equal(example.image, picture(number))
        assert example.label == entries[number].label


def test_what_is_added_later_changes_nothing_until_the_manifest_is_deleted(tmp_path: Path) -> None:
    before = Folder(people(tmp_path))
    (tmp_path / "0 empty/new.png").write_bytes(encoded(picture(7)))
    after = Folder(tmp_path)
    assert len(after) == len(before)
    assert after.fingerprint == before.fingerprint
    (tmp_path / "manifest.tsv").unlink()
    again = Folder(tmp_path)
    assert again.classes == 3
    assert again.fingerprint != before.fingerprint


def test_the_fingerprint_follows_the_pixels_not_the_place(tmp_path: Path) -> None:
    first = Folder(people(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b/manifest.tsv").unlink()
    assert Folder(tmp_path / "b").fingerprint == first.fingerprint
    (tmp_path / "b/9/a.PNG").write_bytes(encoded(picture(8)))
    (tmp_path / "b/manifest.tsv").unlink()
    assert Folder(tmp_path / "b").fingerprint != first.fingerprint


def test_the_manifest_can_live_elsewhere(tmp_path: Path) -> None:
    elsewhere = Folder(people(tmp_path / "data"), manifest=tmp_path / "kept.tsv")
    assert len(list(read_manifest(tmp_path / "kept.tsv"))) == len(elsewhere) == 3
    assert not (tmp_path / "data/manifest.tsv").exists()
    with pytest.raises(ValueError, match=r"cannot be written .* another place"):
        Folder(tmp_path / "data", manifest=tmp_path / "missing/manifest.tsv")


def test_a_picture_that_cannot_be_decoded_or_is_gone_is_corrupt(tmp_path: Path) -> None:
    people(tmp_path)
    (tmp_path / "10/a.png").write_bytes(b"not a picture")
    source = Folder(tmp_path)
    with pytest.raises(CorruptRecord, match=r"10/a\.png holds no picture"):
        source.read(0)
    (tmp_path / "10/b.png").unlink()
    with pytest.raises(CorruptRecord, match=r"10/b\.png cannot be read: No such file"):
        source.read(1)


def test_pictures_of_another_size_are_refused_by_name_unless_they_may_be_resized(
    tmp_path: Path,
) -> None:
    people(tmp_path)
    (tmp_path / "9/a.PNG").write_bytes(encoded(picture(2)[:100]))
    with pytest.raises(ValueError, match=r"9/a\.PNG is 112×100 pixels.*resize"):
        Folder(tmp_path)
    assert Folder(tmp_path, resize=True).read(2).image.shape == (112, 112, 3)


@pytest.mark.parametrize(
    ("lines", "sentence"), [("a\tb", "first line"), ("path\tlabel\tsha1\nx\ty", "Line 2")]
)
def test_a_manifest_of_another_kind_is_refused(tmp_path: Path, lines: str, sentence: str) -> None:
    people(tmp_path)
    (tmp_path / "manifest.tsv").write_text(lines)
    with pytest.raises(ValueError, match=sentence):
        Folder(tmp_path)


def test_a_folder_with_nobody_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no pictures"):
        Folder(tmp_path)
    with pytest.raises(ValueError, match="is no folder"):
        Folder(tmp_path / "missing", manifest=tmp_path / "manifest")
