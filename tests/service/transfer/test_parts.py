"""What the file of a part promises, whatever its bytes are."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.errors import UnusablePart
from service.transfer import parts

from .people import part

MOST = 1_000_000
WHOLE = parts.written(part(9, "starter@1", 16))


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def changed(**members: bytes) -> bytes:
    """The whole part with other content, by the members' names without their suffix."""
    found = unzipped(WHOLE)
    named = {name.partition(".")[0]: name for name in found}
    return zipped(found | {named[name]: content for name, content in members.items()})


def head(**fields: object) -> bytes:
    return json.dumps(json.loads(unzipped(WHOLE)[parts.HEAD]) | fields).encode()


def read_or_refused(content: bytes) -> None:
    try:
        parts.read(content, MOST)
    except UnusablePart as error:
        assert str(error).endswith(".")  # noqa: PT017 - that it is refused is one of two outcomes


def test_everything_comes_back_to_the_last_bit() -> None:
    given = part(9, "starter@1", 16)
    found = parts.read(parts.written(given), MOST)
    assert found.collection.bundle == "starter@1"
    assert found.collection.settings == given.collection.settings
    assert found.collection.created_at == given.collection.created_at
    for mine, other in zip(given.enrolled, found.enrolled, strict=True):
        assert mine.person == other.person
        assert list(mine.person.metadata) == list(other.person.metadata)
        for a, b in zip(mine.faces, other.faces, strict=True):
            assert a.embedding.tobytes() == b.embedding.tobytes()
            assert (a.id, a.norm, a.quality, a.detection_score, a.created_at, a.crop) == (
                b.id, b.norm, b.quality, b.detection_score, b.created_at, b.crop
            )  # fmt: skip
    assert parts.written(found) == parts.written(given)


def test_text_that_older_releases_took_can_be_exported() -> None:
    given = part(1, "starter@1", 16)
    given.enrolled[0].person.metadata["half"] = "\ud800"
    [found] = parts.read(parts.written(given), MOST).enrolled
    assert found.person.metadata == given.enrolled[0].person.metadata


def test_an_empty_part_is_a_part() -> None:
    assert parts.read(parts.written(part(0, "b", 0)), MOST).enrolled == []


@given(st.binary(max_size=300))
@example(b"")
@example(b"PK\x05\x06" + bytes(18))
@settings(max_examples=200, deadline=None)
def test_rubbish_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(UnusablePart):
        parts.read(content, MOST)


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=4),
    st.integers(0, len(WHOLE)),
)
@settings(max_examples=600, deadline=None)
def test_changed_and_cut_bytes_never_crash(changes: list[tuple[int, int]], length: int) -> None:
    content = bytearray(WHOLE)
    for at, value in changes:
        content[at] = value
    read_or_refused(bytes(content))
    read_or_refused(bytes(content[:length]))


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
fields = st.sampled_from([*json.loads(head()), "persons", "faces", "version", "collection"])


@given(st.dictionaries(fields, documents, max_size=3), st.binary(max_size=99), documents)
@settings(max_examples=300, deadline=None)
def test_any_documents_in_a_sound_zip_never_crash(
    told: dict[str, object], vectors: bytes, line: object
) -> None:
    read_or_refused(changed(part=head(**told)))
    read_or_refused(changed(vectors=vectors))
    read_or_refused(changed(crops=vectors))
    read_or_refused(changed(persons=json.dumps(line).encode()))


PERSON = json.loads(unzipped(WHOLE)[parts.PERSONS].splitlines()[1])


@example("id", 2**63, "crop")
@given(st.sampled_from(sorted(PERSON)), documents, st.sampled_from(sorted(PERSON["faces"][0])))
@settings(max_examples=300, deadline=None)
def test_any_field_of_a_person_never_crashes(name: str, value: object, of_face: str) -> None:
    lines = unzipped(WHOLE)[parts.PERSONS].splitlines()
    lines[1] = json.dumps(PERSON | {name: value}).encode()
    read_or_refused(changed(persons=b"\n".join(lines)))
    lines[1] = json.dumps(PERSON | {"faces": [PERSON["faces"][0] | {of_face: value}]}).encode()
    read_or_refused(changed(persons=b"\n".join(lines)))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (WHOLE[:-1], "truncated"),
        (WHOLE[1:], "damaged or truncated"),
        (zipped({"a": b""}), "has to hold"),
        (zipped({**unzipped(WHOLE), "../evil": b"x"}), "has to hold"),
        (changed(part=b"{"), "not JSON"),
        (changed(part=b"[" * 99_999), "not JSON"),
        (changed(part=head(version=2)), "version 2"),
        (changed(part=head(format="other")), "format"),
        (changed(part=head(persons=8)), "9 lines"),
        (changed(part=head(faces=11)), "float32"),
        (changed(part=head(dimension=17)), "float32"),
        (changed(vectors=unzipped(WHOLE)[parts.VECTORS][:-1]), "float32"),
        (changed(crops=unzipped(WHOLE)[parts.CROPS][:-1]), "ends within"),
        (changed(crops=unzipped(WHOLE)[parts.CROPS] + b"x"), "more than"),
        (changed(persons=unzipped(WHOLE)[parts.PERSONS].replace(b'"p1"', b'"p2"')), "person twice"),
        (changed(persons=unzipped(WHOLE)[parts.PERSONS].replace(b"c-2-1", b"c-2-0")), "face twice"),
        (changed(persons=unzipped(WHOLE)[parts.PERSONS].replace(b'"p1"', b'"a/b"')), "line 2: id"),
        (changed(persons=unzipped(WHOLE)[parts.PERSONS].replace(b"2024-02-29", b"0001-01-01")
                 .replace(b"+00:00", b"+13:00")), "created_at"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(content: bytes, sentence: str) -> None:
    with pytest.raises(UnusablePart, match=sentence):
        parts.read(content, MOST)


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    bomb = changed(persons=bytes(50_000_000))
    assert len(bomb) < 100_000
    with pytest.raises(UnusablePart, match="inflates to 500"):
        parts.read(bomb, MOST)


def test_a_bomb_that_lies_about_its_size_is_refused() -> None:
    bomb = changed(persons=bytes(50_000_000))
    size = struct.pack("<I", 50_000_000)
    assert bomb.count(size) == 2  # in the member's own header and in the directory
    lying = bomb.replace(size, struct.pack("<I", 1000))
    with pytest.raises(UnusablePart, match="damaged"):
        parts.read(lying, MOST)


def test_a_directory_of_a_million_files_is_not_read() -> None:
    entry = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, *[0] * 4, 0, 0, 0, 1, *[0] * 4, 0, 0
    )
    many = (entry + b"a") * 300_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 4, 4, len(many), 0, 0)
    with pytest.raises(UnusablePart, match="has to hold"):
        parts.read(many + end, MOST)


def test_another_compression_is_read_and_another_sum_is_not() -> None:
    members = unzipped(WHOLE)
    assert parts.written(parts.read(zipped(members, zipfile.ZIP_STORED), MOST)) == WHOLE
    vectors = members[parts.VECTORS]
    at = WHOLE.index(vectors)
    flipped = bytearray(WHOLE)
    flipped[at] ^= 1
    with pytest.raises(UnusablePart, match="CRC"):
        parts.read(bytes(flipped), MOST)
