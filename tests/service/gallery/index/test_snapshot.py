"""A snapshot gives the index back as it was, or is refused before it is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.gallery.index import Index, SnapshotRefused, snapshot
from tests.service.gallery.faces import DIMENSION

from .people import POOL, approximate, first

KEY = bytes(range(32))
PARTS = 4500  # rows: two whole parts and one that is not


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a file of `PARTS` rows."""
    path = tmp_path_factory.mktemp("saved") / "index"
    index = Index(DIMENSION)
    index.add(np.arange(PARTS), POOL[np.arange(PARTS) % len(POOL)])
    assert index.save(path, 3, KEY)
    return path.read_bytes()


def refused(path: Path, content: bytes, key: bytes = KEY, dimension: int = DIMENSION) -> str:
    path.write_bytes(content)
    with pytest.raises(SnapshotRefused) as caught:
        Index.load(path, key, dimension)
    return str(caught.value)


@pytest.mark.parametrize("count", [0, 1, 2048, 2049, 3900])
def test_a_snapshot_gives_the_index_and_its_revision_back(tmp_path: Path, count: int) -> None:
    index = approximate(range(count))
    assert index.save(tmp_path / "index", 2**40, KEY)
    loaded, revision = Index.load(tmp_path / "index", KEY, DIMENSION)
    assert (len(loaded), revision) == (count, 2**40)
    for ours, theirs in zip(loaded.search(POOL[:50], 7), index.search(POOL[:50], 7), strict=True):
        np.testing.assert_array_equal(ours[:, :1], theirs[:, :1])
    loaded.put(9000, POOL[3950])
    loaded.remove(0)
    assert first(loaded, POOL[3950]) == 9000
    assert [each.name for each in tmp_path.iterdir()] == ["index"]


def test_no_template_is_legible_in_the_file(saved: bytes) -> None:
    assert not any(POOL[row].tobytes() in saved for row in range(0, 4000, 100))
    assert np.arange(8).tobytes() not in saved


def test_two_snapshots_under_one_key_share_no_key_stream(tmp_path: Path) -> None:
    index = approximate(range(10))
    contents = []
    for name in "ab":
        index.save(tmp_path / name, 1, KEY)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0][-200:] != contents[1][-200:]


def test_a_later_snapshot_replaces_the_earlier(tmp_path: Path) -> None:
    path = tmp_path / "index"
    approximate(range(10)).save(path, 1, KEY)
    approximate(range(20)).save(path, 2, bytes(32))
    loaded, revision = Index.load(path, bytes(32), DIMENSION)
    assert (len(loaded), revision) == (20, 2)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotRefused, match="cannot be read"):
        Index.load(tmp_path / "index", KEY, DIMENSION)


def test_another_key_and_another_dimension_are_refused(tmp_path: Path, saved: bytes) -> None:
    assert "another key" in refused(tmp_path / "index", saved, key=bytes(32))
    assert "17 values" in refused(tmp_path / "index", saved, dimension=17)
    with pytest.raises(ValueError, match="32 bytes"):
        Index.load(tmp_path / "index", b"short", DIMENSION)


def test_a_file_cut_anywhere_or_continued_is_refused(tmp_path: Path, saved: bytes) -> None:
    projection = 44 + DIMENSION * 512 * 4 + 16
    part = 2048 * (8 + 4 * DIMENSION + 64) + 16
    ends = [0, 1, 44, projection, projection + part, projection + 2 * part, len(saved)]
    for end in ends:
        for at in {end - 1, end, end + 1} - {-1, len(saved), len(saved) + 1}:
            refused(tmp_path / "index", saved[:at])
    refused(tmp_path / "index", saved + b"\0")


def test_exchanged_parts_are_refused(tmp_path: Path, saved: bytes) -> None:
    start = 44 + DIMENSION * 512 * 4 + 16
    size = 2048 * (8 + 4 * DIMENSION + 64) + 16
    one, two = saved[start : start + size], saved[start + size : start + 2 * size]
    refused(tmp_path / "index", saved[:start] + two + one + saved[start + 2 * size :])
    refused(tmp_path / "index", saved[:start] + one + one + saved[start + 2 * size :])


def test_a_flipped_bit_in_any_byte_of_the_header_is_refused(tmp_path: Path, saved: bytes) -> None:
    for byte in range(44):
        refused(tmp_path / "index", flipped(saved, 8 * byte + byte % 8))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path, saved: bytes, share: float) -> None:
    refused(tmp_path / "index", flipped(saved, int(share * 8 * len(saved))))


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_row_removed_meanwhile_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, index = tmp_path / "index", approximate(range(3900))
    assert index.save(path, 1, KEY)
    before = path.read_bytes()
    nonce = snapshot._nonce

    def late(number: int) -> bytes:
        if number == 1:
            index.remove(5)
        return nonce(number)

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "_nonce", late)
        assert not index.save(path, 2, KEY)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_rows_put_meanwhile_are_whole_whether_in_the_file_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, index = tmp_path / "index", approximate(range(3000))
    nonce = snapshot._nonce

    def late(number: int) -> bytes:
        index.put(10, POOL[3100 + number])  # its part is written already, but for the first time
        index.put(2900, POOL[3200 + number])
        index.put(8000 + number, POOL[3300 + number])
        return nonce(number)

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "_nonce", late)
        assert index.save(path, 1, KEY)
    loaded, _ = Index.load(path, KEY, DIMENSION)
    assert len(loaded) == 3000
    assert first(loaded, POOL[3100]) == 10
    assert first(loaded, POOL[3201]) == 2900
    assert first(loaded, POOL[1]) == 1


def test_what_cannot_be_written_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "index"
    approximate(range(10)).save(path, 1, KEY)

    def full() -> object:
        yield bytes(10)
        raise OSError("no space left on the device")

    with pytest.raises(OSError, match="space"):
        snapshot.write(path, snapshot.Header(DIMENSION, 2, 0), KEY, full())
    assert Index.load(path, KEY, DIMENSION)[1] == 1
    assert list(tmp_path.iterdir()) == [path]
