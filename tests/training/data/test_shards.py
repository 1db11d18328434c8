"""Shards are the webdataset library's, and an archive can break without taking a run along."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import webdataset

from tests.training.data.pictures import Numbered, encoded, picture
from training.data.shards import Shards, write_shards
from training.data.source import CorruptRecord
from training.data.synthetic import Synthetic


def archive(path: Path, samples: list[dict[str, bytes]]) -> None:
    with path.open("wb") as file, webdataset.TarWriter(file, encoder=False) as tar:
        for number, files in enumerate(samples):
            tar.write({"__key__": f"{number:03d}", **files})


def test_what_was_written_comes_back_bit_for_bit(tmp_path: Path) -> None:
    source = Synthetic(3, 4)
    assert write_shards(source, tmp_path / "shards", 5) == 0
    shards = Shards(tmp_path / "shards", color="rgb")
    assert (len(shards), shards.classes) == (12, 3)
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == [
        "000000.tar", "000001.tar", "000002.tar", "index.json",
    ]  # fmt: skip
    written = {shards.example(place).image.tobytes() for place in shards.places()}
    assert written == {source.read(n).image.tobytes() for n in range(12)}


def test_identities_are_mixed_when_written(tmp_path: Path) -> None:
    write_shards(Synthetic(10, 10), tmp_path / "shards", 20, quality=95)
    shards = Shards(tmp_path / "shards", color="rgb")
    labels = [shards.example(place).label for place in shards.places()]
    assert all(len(set(labels[start : start + 20])) > 5 for start in range(0, 100, 20))


def test_the_same_pictures_make_the_same_shards_and_another_set_another_fingerprint(
    tmp_path: Path,
) -> None:
    for name, size in (("a", 9), ("b", 9), ("c", 8)):
        write_shards(Numbered(size), tmp_path / name, 4)
    first, second, other = (Shards(tmp_path / name, color="rgb") for name in "abc")
    assert (tmp_path / "a/000001.tar").read_bytes() == (tmp_path / "b/000001.tar").read_bytes()
    assert first.fingerprint == second.fingerprint != other.fingerprint


def test_corrupt_records_are_left_out_and_counted(tmp_path: Path) -> None:
    source = Numbered(9, corrupt=frozenset({1, 5}))
    seen: list[int] = []
    assert write_shards(source, tmp_path / "shards", 4, progress=seen.append) == 2
    assert len(Shards(tmp_path / "shards", color="rgb")) == 7
    assert seen == [4, 4, 1]


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="or name a new folder"):
        write_shards(Numbered(3), tmp_path)


def test_shards_made_elsewhere_are_indexed_on_first_use(tmp_path: Path) -> None:
    archive(tmp_path / "b.tar", [{"jpg": encoded(picture(2), ".jpg"), "cls": b"4"}])
    archive(
        tmp_path / "a.tar",
        [{"png": encoded(picture(0)), "cls": b"0"}, {"png": encoded(picture(1)), "cls": b"1\n"}],
    )
    shards = Shards(tmp_path, color="rgb")
    assert (len(shards), shards.classes) == (3, 5)
    assert [shards.example(place).label for place in shards.places()] == [0, 1, 4]
    stated = json.loads((tmp_path / "index.json").read_text())
    assert [(shard["name"], shard["samples"]) for shard in stated["shards"]] == [
        ("a.tar", 2),
        ("b.tar", 1),
    ]


def test_pictures_stored_in_bgr_come_out_in_rgb(tmp_path: Path) -> None:
    archive(tmp_path / "a.tar", [{"png": encoded(picture(0)[:, :, ::-1]), "cls": b"0"}])
    [place] = Shards(tmp_path, color="bgr").places()
    assert np.array_equal(Shards(tmp_path, color="bgr").example(place).image, picture(0))


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"png": encoded(picture(0))}, "no label"),
        ({"png": encoded(picture(0)), "cls": b"many"}, "no label"),
        ({"png": encoded(picture(0)), "cls": b"nan"}, "no whole number"),
        ({"png": encoded(picture(0)), "cls": b"-1"}, "outside 0 to 0"),
        ({"txt": b"hello", "cls": b"0"}, "no picture"),
        ({"png": encoded(picture(0)[:50]), "cls": b"0"}, "112×50 pixels"),
    ],
)
def test_a_member_that_is_no_sample_is_corrupt(
    tmp_path: Path, files: dict[str, bytes], sentence: str
) -> None:
    archive(tmp_path / "a.tar", [{"png": encoded(picture(0)), "cls": b"0"}, files])
    shards = Shards(tmp_path, color="rgb")
    first, second = shards.places()
    assert shards.example(first).label == 0
    with pytest.raises(CorruptRecord, match=sentence):
        shards.example(second)


def test_an_archive_cut_anywhere_gives_as_many_samples_as_it_promised(tmp_path: Path) -> None:
    write_shards(Numbered(6), tmp_path / "shards", 3)
    path = tmp_path / "shards/000000.tar"
    whole = path.read_bytes()
    for length in range(0, len(whole), 331):
        path.write_bytes(whole[:length])
        shards = Shards(tmp_path / "shards", color="rgb")
        places = list(shards.places())
        assert len(places) == 6
        assert all(place.files["cls"] for place in places[3:])


def test_a_location_can_be_a_command_with_a_place_for_the_shard(tmp_path: Path) -> None:
    write_shards(Numbered(4), tmp_path / "shards", 2)
    shards = Shards(f"pipe:cat {tmp_path}/shards/{{shard}}", color="rgb")
    assert len([shards.example(place) for place in shards.places()]) == 4


def test_an_index_from_elsewhere_can_name_no_commands_or_other_folders(tmp_path: Path) -> None:
    for name in ("pipe:touch x.tar", "../x.tar", "a/b.tar", "x.tar; true"):
        shard = {"name": name, "samples": 1, "bytes": 1}
        (tmp_path / "index.json").write_text(json.dumps({"classes": 1, "shards": [shard]}))
        with pytest.raises(ValueError, match="no index of shards"):
            Shards(tmp_path, color="rgb")


def test_a_place_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no \.tar files"):
        Shards(tmp_path, color="rgb")
    with pytest.raises(ValueError, match="cannot be read"):
        Shards(tmp_path / "missing", color="rgb")
