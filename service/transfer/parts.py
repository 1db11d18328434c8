"""The bytes of a part: a ZIP of `part.json`, `persons.ndjson`, `vectors.f32` and `crops.bin`.

One line per person with their faces in order; the faces' unit vectors are the rows of a (faces,
dimension) matrix of little-endian float32, bit for bit as they are kept. Kept crops follow each other.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from service.errors import UnusablePart
from service.gallery import Collection, CollectionSettings, Enrolled, NewFace, NewPerson, Part
from service.schemas import CollectionSettings as SettingsDocument
from service.schemas import MovedCollection, MovedFace, MovedPerson, PartHead
from service.transfer.encoding import decoded, encoded

MEDIA_TYPE: Final = "application/zip"
HEAD, PERSONS, VECTORS, CROPS = "part.json", "persons.ndjson", "vectors.f32", "crops.bin"
FLOAT: Final = np.dtype("<f4")
_MEMBERS: Final = (HEAD, PERSONS, VECTORS, CROPS)
_END: Final = struct.Struct("<4s4H2LH")  # end of central directory record, APPNOTE.TXT 4.3.16
_ZIP64: Final = 20  # bytes of a ZIP64 locator, which would stand before it
_DIRECTORY: Final = 1000  # bytes that the directory of four members needs at most
# What zipfile and zlib raise for rubbish, found by the property test.
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError,
    ValueError, OSError, KeyError,
)  # fmt: skip
M = TypeVar("M", bound=BaseModel)


def written(part: Part) -> bytes:
    """The part as a file; equal parts are equal bytes."""
    faces = [face for each in part.enrolled for face in each.faces]
    head = PartHead(
        collection=words(part.collection),
        bundle=part.collection.bundle,
        dimension=dimension(part),
        persons=len(part.enrolled),
        faces=len(faces),
        damaged=list(part.damaged),
        next=part.next,
    )
    return _zipped(
        {
            HEAD: encoded(head),
            PERSONS: b"".join(encoded(_person(each)) + b"\n" for each in part.enrolled),
            VECTORS: b"".join(face.embedding.astype(FLOAT).tobytes() for face in faces),
            CROPS: b"".join(face.crop or b"" for face in faces),
        }
    )


def words(collection: Collection) -> MovedCollection:
    """What is said of a collection, without what is in it."""
    chosen = {k: v for k, v in asdict(collection.settings).items() if v is not None}
    return MovedCollection(
        id=collection.id,
        name=collection.name,
        metadata=collection.metadata,
        settings=SettingsDocument(**chosen),
        created_at=collection.created_at,
    )


def dimension(part: Part) -> int:
    """The length of its vectors; 0 where there is none."""
    return next((len(face.embedding) for each in part.enrolled for face in each.faces), 0)


def _person(each: Enrolled) -> MovedPerson:
    faces = [MovedFace.model_construct(**_figures(face)) for face in each.faces]
    words = {field.name: getattr(each.person, field.name) for field in fields(each.person)}
    return MovedPerson.model_construct(**words, faces=faces)


def _figures(face: NewFace) -> dict[str, Any]:
    told = {name: getattr(face, name) for name in MovedFace.model_fields}
    return told | {"crop": len(face.crop or b"")}


def _zipped(members: dict[str, bytes]) -> bytes:
    """The vectors as they are: deflating them takes longer than all the rest and saves 8 %."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            kind = zipfile.ZIP_DEFLATED if name in {HEAD, PERSONS} else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return buffer.getvalue()


def read(content: bytes, most: int) -> Part:
    """The part in a file that inflates to `most` bytes at most.

    Raises UnusablePart, whatever the bytes are; sizes are checked before anything is inflated.
    """
    members = _members(content, most)
    head = _parsed(PartHead, members[HEAD], HEAD)
    lines = members[PERSONS].splitlines()
    vectors = _vectors(members[VECTORS], head)
    if len(lines) != head.persons:
        raise UnusablePart(f"{PERSONS} has {len(lines)} lines where {HEAD} says {head.persons}.")
    crops = io.BytesIO(members[CROPS])
    enrolled = list(_enrolled(lines, vectors, crops))
    if crops.read(1):
        raise UnusablePart(f"{CROPS} has more than the crops of the faces.")
    if sum(len(each.faces) for each in enrolled) != head.faces:
        raise UnusablePart(f"{PERSONS} has not the {head.faces} faces that {HEAD} says.")
    _check_once([each.person.id for each in enrolled], "person")
    _check_once([face.id for each in enrolled for face in each.faces], "face")
    return Part(_home(head), enrolled, head.damaged, head.next)


def _members(content: bytes, most: int) -> dict[str, bytes]:
    """The content of the members; nothing else may be in the file."""
    _check_directory(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = archive.infolist()
            if sorted(each.filename for each in found) != sorted(_MEMBERS):
                raise UnusablePart(f"The ZIP has to hold {', '.join(_MEMBERS)} and nothing else.")
            if (size := sum(each.file_size for each in found)) > most:
                raise UnusablePart(
                    f"The part inflates to {size} bytes, more than the {most} that are accepted;"
                    " export fewer persons in a part."
                )
            return {each.filename: archive.read(each) for each in found}
    except _BROKEN as error:
        raise UnusablePart(f"The ZIP is damaged or truncated: {error}.") from error


def _check_directory(content: bytes) -> None:
    """Zipfile reads a directory of any length: 300,000 entries in 15 MB would take 300 MB."""
    end = content[-_END.size :]
    if len(end) < _END.size or end[:4] != zipfile.stringEndArchive:  # type: ignore[attr-defined] # not in typeshed
        raise UnusablePart("The body is no ZIP file, or is truncated; send a part as exported.")
    *_, count, size, _, comment = _END.unpack(end)
    before = content[-_END.size - _ZIP64 : -_END.size]
    if count != len(_MEMBERS) or size > _DIRECTORY or comment or before[:4] == b"PK\x06\x07":
        raise UnusablePart(f"The ZIP has to hold {', '.join(_MEMBERS)} and nothing else.")


def _parsed(model: type[M], content: bytes, where: str) -> M:
    try:
        return decoded(model, content)
    except ValueError as error:
        raise UnusablePart(f"{where}: {str(error).removesuffix('.')}.") from error


def _vectors(content: bytes, head: PartHead) -> NDArray[np.float32]:
    """(faces, dimension), as they were written."""
    if len(content) != head.faces * head.dimension * FLOAT.itemsize:
        raise UnusablePart(
            f"{VECTORS} has {len(content)} bytes, which are not {head.faces} x {head.dimension} float32."
        )
    return np.frombuffer(content, FLOAT).reshape(head.faces, head.dimension)


def _enrolled(
    lines: Sequence[bytes], vectors: NDArray[np.float32], crops: io.BytesIO
) -> Iterator[Enrolled]:
    rest = iter(vectors)
    for number, line in enumerate(lines, 1):
        moved = _parsed(MovedPerson, line, f"{PERSONS}, line {number}")
        words = {name: value for name, value in moved if name != "faces"}
        yield Enrolled(NewPerson(**words), [_face(face, rest, crops) for face in moved.faces])


def _face(moved: MovedFace, vectors: Iterator[NDArray[np.float32]], crops: io.BytesIO) -> NewFace:
    """With its part of what follows in the other members."""
    if (embedding := next(vectors, None)) is None:
        raise UnusablePart(f"{PERSONS} has more faces than {VECTORS} has rows.")
    if len(crop := crops.read(moved.crop)) != moved.crop:
        raise UnusablePart(f"{CROPS} ends within the crop of the face {moved.id!r}.")
    return NewFace(embedding, **dict(moved) | {"crop": crop or None})


def _home(head: PartHead) -> Collection:
    own = head.collection
    settings = CollectionSettings(**own.settings.model_dump())
    return Collection(
        own.id,
        own.name,
        own.metadata,
        settings,
        head.bundle,
        own.created_at,
        head.persons,
        head.faces,
    )


def _check_once(ids: Sequence[str | None], noun: str) -> None:
    if len(set(ids)) < len(ids):
        raise UnusablePart(f"The part has a {noun} twice.")
