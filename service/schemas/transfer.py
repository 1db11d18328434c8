"""Exports: what is in a part and in a manifest, and what an import answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_serializer

from service.schemas.common import Count as Told
from service.schemas.common import Id, Moment, Name, Request
from service.schemas.gallery import CollectionSettings

Figure = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Dimension = Annotated[int, Field(ge=0, le=65_536)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # SHA-256 or HMAC-SHA-256


class MovedFace(Request):
    """A face; its embedding is the row of the same number in `vectors.f32`.

    `crop` is the length of its crop in `crops.bin`, where they follow each other; 0 for none.
    """

    id: Id
    norm: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    quality: Figure | None
    detection_score: Figure | None
    created_at: Moment
    crop: Annotated[int, Field(ge=0, le=1_000_000)] = 0  # one takes 37 kB uncompressed


class MovedPerson(Request):
    """A line of `persons.ndjson`."""

    id: Id
    name: Name | None
    external_id: Name | None
    metadata: dict[str, Any]
    consent_reference: Name | None
    expires_at: Moment | None
    created_at: Moment
    faces: list[MovedFace]


class MovedCollection(Request):
    id: Id
    name: Name | None
    metadata: dict[str, Any]
    settings: CollectionSettings
    created_at: Moment

    @field_serializer("settings")
    def _chosen(self, settings: CollectionSettings) -> dict[str, Any]:
        """Releases that do not know a setting can read exports where nobody chose it."""
        return settings.model_dump(exclude_none=True)


class PartHead(Request):
    """`part.json`: what the rest of the part is. `next` asks for the part after it, where it is of."""

    format: Literal["adaface-part"] = "adaface-part"
    version: Literal[1] = 1
    collection: MovedCollection
    bundle: str
    dimension: Dimension
    persons: Count
    faces: Count
    damaged: list[str]
    next: str | None


class ExportQuery(Request):
    after: str | None = Field(
        default=None, max_length=1024, description="`X-Next-Cursor` of the last part."
    )
    limit: int = Field(
        default=250, ge=1, le=1000, description="Most persons; fewer where they have many faces."
    )


class ImportQuery(Request):
    on_conflict: Literal["fail", "skip", "replace"] = Field(
        default="fail",
        description="What to do where a person is there already and differs: refuse the whole part, "
        "leave the person as they are, or put the imported one in their place.",
    )


class Imported(BaseModel):
    """What became of a part's persons."""

    created: Told = Field(description="New here.")
    unchanged: Told = Field(description="There already, the same to the last bit.")
    replaced: Told = Field(description="There already, and put in the place of what was.")
    skipped: Told = Field(description="There already, and left as they are.")
    conflicts: list[str] = Field(
        description="The persons skipped: they differ, or have a face that is another person's here."
    )


class Encryption(Request):
    """How a key is made of the passphrase (scrypt, RFC 7914), and what the parts are encrypted with."""

    cipher: Literal["AES-256-GCM"] = "AES-256-GCM"
    kdf: Literal["scrypt"] = "scrypt"
    n: Literal[16384, 32768, 65536, 131072, 262144] = (
        131072  # 128 MiB; a manifest could ask for more
    )
    r: Literal[8] = 8
    p: Literal[1] = 1
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class PartEntry(Request):
    """A file of an export. `next` is the cursor after it, and of no use elsewhere."""

    name: Annotated[str, Field(pattern=r"^part-[0-9]{5,9}\.(zip|sealed)$")]
    size: Count
    sha256: Digest
    persons: Count
    faces: Count
    dimension: Dimension
    damaged: list[str]
    next: str | None


class ExportHead(Request):
    """What is known of an export when it starts."""

    format: Literal["adaface-export"] = "adaface-export"
    version: Literal[1] = 1
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    collection: Id
    bundle: str
    started_at: Moment
    encryption: Encryption | None


class Manifest(ExportHead):
    """A whole export. `words` are the collection's own; encrypted exports have them in the parts only.

    `digest` is over the rest: HMAC-SHA-256 under the passphrase's key, or plain SHA-256 without one.
    """

    finished_at: Moment
    words: MovedCollection | None
    dimension: Dimension
    persons: Count
    faces: Count
    parts: list[PartEntry]
    digest: Digest
