"""RecordIO files are read byte for byte as MXNet wrote them, and damage stays where it is."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.data.pictures import encoded, picture
from training.data.recordio import MAGIC, RecordIO, payload, rebuilt, unpack
from training.data.source import CorruptRecord


def packed(content: bytes) -> bytes:
    """A record as dmlc-core writes it: split where the magic lies on a four-byte boundary."""
    parts, start = [], 0
    for at in range(0, len(content) - 3, 4):
        if content[at : at + 4] == MAGIC:
            parts.append(content[start:at])
            start = at + 4
    parts.append(content[start:])
    flags = [0] if len(parts) == 1 else [1, *[2] * (len(parts) - 2), 3]
    return b"".join(
        MAGIC + struct.pack("<I", flag << 29 | len(part)) + part + bytes(-len(part) % 4)
        for flag, part in zip(flags, parts, strict=True)
    )


def content(label: float | list[float], image: bytes = b"", number: int = 0) -> bytes:
    """An IRHeader and what follows it."""
    if isinstance(label, list):
        labels = struct.pack(f"<{len(label)}f", *label)
        return struct.pack("<IfQQ", len(label), 0, number, 0) + labels + image
    return struct.pack("<IfQQ", 0, label, number, 0) + image


def written(folder: Path, contents: list[bytes], *, index: bool = True) -> Path:
    """`train.rec` with those payloads under the keys 0, 1, 2, ..., and `train.idx`."""
    records, lines, offset = b"", "", 0
    for key, each in enumerate(contents):
        lines += f"{key}\t{offset}\n"
        records += packed(each)
        offset = len(records)
    (folder / "train.rec").write_bytes(records)
    if index:
        (folder / "train.idx").write_text(lines)
    return folder / "train.rec"


def people(count: int, per_person: int = 2) -> list[bytes]:
    return [
        content(float(n // per_person), encoded(picture(n)), n) for n in range(count * per_person)
    ]


def insightface(folder: Path, *, index: bool = True) -> Path:
    """A set in insightface's habit: header, 6 pictures of 3 people, 3 identity records."""
    ranges = [content([1.0 + 2 * n, 3.0 + 2 * n]) for n in range(3)]
    return written(folder, [content([7.0, 10.0]), *people(3), *ranges], index=index)


def test_bytes_written_by_hand_are_a_record() -> None:
    record = bytes.fromhex(
        "0a23d7ce" "1d000000"  # magic; whole, 29 bytes
        "00000000" "0000e040" "0500000000000000" "0000000000000000"  # no array, label 7.0, id 5
        "ffd8ffd9aa" "000000"  # the picture and padding
    )  # fmt: skip
    record_read = unpack(payload(record, 0, "It"), "It")
    assert record_read.labels.tolist() == [7.0]
    assert record_read.picture == b"\xff\xd8\xff\xd9\xaa"


pieces = st.lists(st.one_of(st.just(MAGIC), st.binary(max_size=9)), max_size=12).map(b"".join)


@given(st.lists(pieces, min_size=1, max_size=5))
def test_any_payload_comes_back_with_the_magic_in_it_and_without_an_index(
    payloads: list[bytes],
) -> None:
    data = b"".join(packed(each) for each in payloads)
    offsets = rebuilt(data)[:, 1].tolist()
    assert [payload(data, offset, "It") for offset in offsets] == payloads


def test_a_magic_in_the_payload_splits_the_record_and_is_put_back() -> None:
    whole = b"abcd" + MAGIC + MAGIC + b"xyz"
    data = packed(whole)
    assert [flags >> 5 for flags in (data[7], data[19], data[27])] == [1, 2, 3]
    assert data.count(MAGIC) == 3
    assert payload(data, 0, "It") == whole


def test_a_record_cut_off_anywhere_is_corrupt() -> None:
    data = packed(content([1.0, 2.0], b"picture." + MAGIC * 3 + b"end"))
    padding = 1
    for length in range(len(data) - padding):
        with pytest.raises(CorruptRecord):
            payload(data[:length], 0, "It")
    for length in range(32):
        with pytest.raises(CorruptRecord):
            unpack(content([1.0, 2.0])[:length], "It")


@given(st.data())
def test_whatever_is_overwritten_nothing_but_corrupt_records_comes_of_it(
    data: st.DataObject,
) -> None:
    damaged = bytearray(
        b"".join(packed(each) for each in (content(1.0, MAGIC * 2), content([2.0])))
    )
    start = data.draw(st.integers(0, len(damaged) - 1))
    damaged[start : start + 4] = data.draw(st.binary(min_size=1, max_size=4))
    for offset in rebuilt(bytes(damaged))[:, 1].tolist():
        try:
            unpack(payload(bytes(damaged), offset, "It"), "It")
        except CorruptRecord as error:
            assert str(error).startswith("It ")  # noqa: PT017 - most damage raises nothing at all


@pytest.mark.parametrize("index", [True, False])
def test_a_header_record_says_which_keys_are_pictures(tmp_path: Path, *, index: bool) -> None:
    source = RecordIO(insightface(tmp_path, index=index), color="rgb")
    assert (len(source), source.classes) == (6, 3)
    assert [source.read(n).label for n in range(6)] == [0, 0, 1, 1, 2, 2]
    assert np.array_equal(source.read(0).image, picture(0))


def test_a_missing_index_is_made_as_it_was(tmp_path: Path) -> None:
    path = insightface(tmp_path)
    made_by_mxnet = path.with_suffix(".idx").read_text()
    before = RecordIO(path, color="rgb").fingerprint
    path.with_suffix(".idx").unlink()
    assert RecordIO(path, color="rgb").fingerprint == before
    assert path.with_suffix(".idx").read_text() == made_by_mxnet


def test_without_a_header_record_key_0_is_a_picture(tmp_path: Path) -> None:
    source = RecordIO(written(tmp_path, people(3)), color="rgb")
    assert (len(source), source.classes) == (6, 3)
    assert np.array_equal(source.read(0).image, picture(0))


def test_of_an_array_of_labels_the_first_counts_also_at_key_0(tmp_path: Path) -> None:
    contents = [content([float(n), 9.0], encoded(picture(n))) for n in range(3)]
    source = RecordIO(written(tmp_path, contents), color="rgb")
    assert [source.read(n).label for n in range(3)] == [0, 1, 2]


def test_the_property_file_states_the_number_of_people(tmp_path: Path) -> None:
    path = written(tmp_path, people(3))
    (tmp_path / "property").write_text("5,112,112")
    assert RecordIO(path, color="rgb").classes == 5


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    path = insightface(tmp_path)
    (tmp_path / "property").write_text("5,112,112")
    with pytest.raises(ValueError, match=r"says 5 identities and .* says 3"):
        RecordIO(path, color="rgb")
    assert RecordIO(path, color="rgb", classes=4).classes == 4


def test_a_set_packed_in_bgr_comes_out_in_rgb(tmp_path: Path) -> None:
    swapped = [content(0.0, encoded(picture(n)[:, :, ::-1])) for n in range(2)]
    source = RecordIO(written(tmp_path, swapped), color="bgr")
    assert np.array_equal(source.read(1).image, picture(1))
    taken_for_rgb = RecordIO(tmp_path / "train.rec", color="rgb")
    assert np.array_equal(taken_for_rgb.read(1).image, picture(1)[:, :, ::-1])
    assert taken_for_rgb.fingerprint != source.fingerprint


@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [
        (content(0.5, encoded(picture(1))), "no whole number"),
        (content(float("nan"), encoded(picture(1))), "no whole number"),
        (content(1.0, b""), "no picture"),
        (content(1.0, encoded(picture(1), ".jpg")[:900]), "truncated JPEG"),
        (content(1.0, encoded(picture(1))[:60]), "no picture"),
    ],
)
def test_a_spoiled_record_is_corrupt_and_its_neighbors_are_not(
    tmp_path: Path, spoiled: bytes, sentence: str
) -> None:
    contents = people(2)
    contents[1] = spoiled
    source = RecordIO(written(tmp_path, contents), color="rgb")
    with pytest.raises(CorruptRecord, match=f"Record 1 of .*{sentence}"):
        source.read(1)
    assert [source.read(n).label for n in (0, 2, 3)] == [0, 1, 1]


def test_records_behind_a_damaged_one_keep_their_numbers_without_an_index(tmp_path: Path) -> None:
    path = insightface(tmp_path, index=False)
    data = bytearray(path.read_bytes())
    third = int(rebuilt(bytes(data))[3, 1])
    data[third : third + 4] = b"gone"
    path.write_bytes(data)
    source = RecordIO(path, color="rgb")
    with pytest.raises(CorruptRecord, match="Record 3"):
        source.read(2)
    assert np.array_equal(source.read(5).image, picture(5))
    assert len(source) == 6


def test_a_file_cut_short_still_gives_what_is_in_it(tmp_path: Path) -> None:
    path = written(tmp_path, people(3))
    path.write_bytes(path.read_bytes()[:-40])
    source = RecordIO(path, color="rgb")
    assert np.array_equal(source.read(4).image, picture(4))
    with pytest.raises(CorruptRecord, match="cut off"):
        source.read(5)


@pytest.mark.parametrize("junk", [b"", b"PK\x03\x04 an archive", MAGIC[:3]])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "train.rec").write_bytes(junk)
    with pytest.raises(ValueError, match="is no RecordIO file"):
        RecordIO(tmp_path / "train.rec", color="rgb")


def test_an_index_of_another_kind_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = written(tmp_path, people(1))
    (tmp_path / "train.idx").write_text("0 0\nnonsense")
    with pytest.raises(ValueError, match="delete it to have it rebuilt"):
        RecordIO(path, color="rgb")


def test_labels_beyond_the_stated_classes_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="label 1, outside 0 to 0"):
        RecordIO(written(tmp_path, people(2)), color="rgb", classes=1)


def test_a_copy_in_another_process_reads_the_same(tmp_path: Path) -> None:
    source = RecordIO(written(tmp_path, people(2)), color="rgb")
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 - what a spawned worker does
    assert np.array_equal(copy.read(3).image, source.read(3).image)
    assert copy.fingerprint == source.fingerprint
