"""Reads request bodies in the three forms images come in: raw, multipart, and base64 in JSON."""

from __future__ import annotations

import asyncio
import base64
import binascii
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.errors import (
    BundleMismatch,
    EmptyImage,
    InvalidEmbedding,
    InvalidRequest,
    UndecodableImage,
    UnsupportedMedia,
)
from service.problems import sentence
from service.schemas import BatchBody, IdentifyBody, ImageBody, ImagesBody, Subject, VerifyBody

RAW = ("image/jpeg", "image/png", "image/webp")
BYTES = "application/octet-stream"
JSON, FORM = "application/json", "multipart/form-data"
MOST_FILES = 50
M = TypeVar("M", bound=BaseModel)
Vector = NDArray[np.float32]


def media_type(request: Request) -> str:
    """The request's content type, lower case and without parameters."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def read_json(request: Request, model: type[M]) -> M:
    """The body as `model`, parsed off the event loop: 2 MB of base64 take 24 ms.

    Raises InvalidRequest with the first thing that does not fit.
    """
    body = await request.body()
    try:
        return await asyncio.to_thread(model.model_validate_json, body)
    except ValidationError as error:
        raise InvalidRequest(sentence(error.errors())) from error


class _Form(MultiPartParser):
    """Keeps files in memory, where BodyLimit bounds them.

    Starlette writes those over 1 MB to a temporary file: photographs on a disk that may be full,
    read-only or kept.
    """

    spool_max_size = sys.maxsize


async def read_files(request: Request) -> dict[str, list[bytes]]:
    """The files of a multipart form, by field name.

    Raises InvalidRequest for a form that cannot be parsed or holds more than 50 files.
    """
    parser = _Form(request.headers, request.stream(), max_files=MOST_FILES, max_fields=20)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise InvalidRequest(f"The multipart form cannot be read: {error.message}") from error
    files: dict[str, list[bytes]] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            files.setdefault(name, []).append(await value.read())
    return files


async def from_base64(text: str) -> bytes:
    """The bytes behind base64, decoded off the event loop; UndecodableImage where it is none."""
    decoded = await asyncio.to_thread(_decoded, text)
    if isinstance(decoded, UndecodableImage):
        raise decoded
    return decoded


def _decoded(text: str) -> bytes | UndecodableImage:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return UndecodableImage("The image is not valid base64.")


def from_form(files: dict[str, list[bytes]], name: str) -> bytes:
    """The one file called `name`; InvalidRequest where there is not exactly one."""
    if len(found := files.get(name, [])) != 1:
        raise InvalidRequest(f"Send exactly one file in the form field '{name}'.")
    return found[0]


def unsupported(request: Request, *accepted: str) -> UnsupportedMedia:
    """The error for a content type that is none of `accepted`."""
    given = media_type(request) or "missing"
    return UnsupportedMedia(f"The content type is {given}; send {', '.join(accepted)}.")


def is_raw(request: Request) -> bool:
    """Whether the body is the image itself; which format it has, its bytes say."""
    kind = media_type(request)
    return kind.startswith("image/") or kind == BYTES


async def raw(request: Request) -> bytes:
    """The whole body; EmptyImage where there is none."""
    if not (body := await request.body()):
        raise EmptyImage("The body is empty; send the bytes of an image.")
    return body


def vector(given: list[float] | str, size: int) -> NDArray[np.float32]:
    """A given embedding as a (size,) unit vector.

    Raises InvalidEmbedding for another length, numbers that are not finite, a zero vector or
    bad base64. Any other length than one is accepted and normalized.
    """
    numbers = _numbers(given)
    if numbers.shape != (size,):
        raise InvalidEmbedding(
            f"The embedding has {numbers.size} numbers; this bundle's have {size}."
        )
    if not np.isfinite(numbers).all():
        raise InvalidEmbedding("The embedding holds NaN or infinity.")
    if (length := float(np.linalg.norm(numbers))) < 1e-6:
        raise InvalidEmbedding("The embedding is the zero vector, which has no direction.")
    return np.asarray(numbers / length, dtype=np.float32)


def _numbers(given: list[float] | str) -> NDArray[np.float64]:
    if not isinstance(given, str):
        return np.array(given, dtype=np.float64)
    try:
        return np.frombuffer(base64.b64decode(given, validate=True), "<f4").astype(np.float64)
    except ValueError as error:
        raise InvalidEmbedding("The embedding is not base64 of float32 numbers.") from error


async def image(request: Request) -> bytes:
    """The one image of a request, in whichever form it came."""
    if is_raw(request):
        return await raw(request)
    match media_type(request):
        case "multipart/form-data":
            return from_form(await read_files(request), "image")
        case "application/json":
            return await from_base64((await read_json(request, ImageBody)).image)
    raise unsupported(request, *RAW, FORM, JSON)


async def images(request: Request) -> list[bytes]:
    """The images of one person, at least one."""
    if is_raw(request):
        return [await raw(request)]
    match media_type(request):
        case "multipart/form-data":
            files = await read_files(request)
            found = [*files.get("image", []), *files.get("images", [])]
        case "application/json":
            body = await read_json(request, ImagesBody)
            texts = [*([body.image] if body.image else []), *body.images]
            found = [await from_base64(text) for text in texts]
        case _:
            raise unsupported(request, *RAW, FORM, JSON)
    if not found:
        raise InvalidRequest("Send at least one image, in the field 'image' or 'images'.")
    return found


async def batch(request: Request) -> list[bytes | UndecodableImage]:
    """Several images, at least one, in the order they came; what is no base64 says so itself."""
    match media_type(request):
        case "multipart/form-data":
            files = await read_files(request)
            found = [*files.get("image", []), *files.get("images", [])]
        case "application/json":
            texts = (await read_json(request, BatchBody)).images
            return await asyncio.to_thread(lambda: [_decoded(text) for text in texts])
        case _:
            raise unsupported(request, FORM, JSON)
    if not found:
        raise InvalidRequest("Send at least one image, in the field 'images'.")
    return [*found]


async def sides(request: Request, size: int) -> tuple[bytes | Vector, bytes | Vector]:
    """Source and target of a comparison: image bytes, or a (size,) unit vector."""
    match media_type(request):
        case "multipart/form-data":
            files = await read_files(request)
            return from_form(files, "source"), from_form(files, "target")
        case "application/json":
            body = await read_json(request, VerifyBody)
            return (
                await _side(body.source, "source", size),
                await _side(body.target, "target", size),
            )
    raise unsupported(request, FORM, JSON)


async def _side(subject: Subject, name: str, size: int) -> bytes | Vector:
    if subject.image is not None and subject.embedding is None:
        return await from_base64(subject.image)
    if subject.embedding is not None and subject.image is None:
        return vector(subject.embedding, size)
    raise InvalidRequest(f"{name}: give either an image or an embedding.")


class Probes(NamedTuple):
    """What is searched for: an image's faces, several images' one face, or (n, size) unit vectors.

    `bundle` is the model that vectors are of, where the body names one.
    """

    image: bytes | None = None
    images: Sequence[bytes] = ()
    vectors: NDArray[np.float32] | None = None
    bundle: str | None = None


async def probes(request: Request, sizes: Mapping[str | None, int]) -> Probes:
    """One of the three of `Probes`. `sizes` are those of the models that are loaded.

    Raises InvalidRequest for none and for two of them, and BundleMismatch for another model.
    """
    if media_type(request) == FORM:
        files = await read_files(request)
        if "images" not in files:
            return Probes(image=from_form(files, "image"))
        if "image" in files:
            raise InvalidRequest("Give either an image or images.")
        return Probes(images=files["images"])
    if media_type(request) != JSON:
        return Probes(image=await image(request))
    body = await read_json(request, IdentifyBody)
    given = [body.image is not None, bool(body.images), bool(body.embeddings)]
    if sum(given) != 1 or (body.bundle is not None and not body.embeddings):
        raise InvalidRequest(
            "Give either an image, images, or embeddings and perhaps their bundle."
        )
    if body.image is not None:
        return Probes(image=await from_base64(body.image))
    if body.images:
        return Probes(images=[await from_base64(text) for text in body.images])
    if (size := sizes.get(body.bundle)) is None:
        raise BundleMismatch(f"The model {body.bundle!r} is not loaded.")
    vectors = np.stack([vector(each, size) for each in body.embeddings])
    return Probes(vectors=vectors, bundle=body.bundle)


def documented(json_model: type[BaseModel], *files: str, raw_body: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of an operation that reads its body itself."""
    content: dict[str, Any] = {}
    if raw_body:
        content = {kind: {"schema": _FILE} for kind in (BYTES, *RAW)}
    content[FORM] = {"schema": _form(files)}
    reference = f"#/components/schemas/{json_model.__name__}"
    content[JSON] = {"schema": {"$ref": reference}}
    description = _FORMS if raw_body else f"A form of {' and '.join(files)}, or base64 in JSON."
    return {"requestBody": {"required": True, "description": description, "content": content}}


_FILE: Final = {
    "type": "string",
    "format": "binary",
    "description": "A JPEG, PNG or WebP file; its first bytes say which.",
}
_FORMS: Final = "The image file itself, or as a file of a form, or in base64 in JSON."


def _form(files: Sequence[str]) -> dict[str, Any]:
    """The schema of a form: each file is needed, or one of several where the last may be repeated."""
    fields = {name: _several() if name.endswith("s") else _FILE for name in files}
    either = "image" in files and "images" in files
    needed = {"minProperties": 1} if either else {"required": [*files]}
    return {"type": "object", "properties": fields, **needed}


_SOME: Final = {"minItems": 1, "maxItems": MOST_FILES}


def _several() -> dict[str, Any]:
    described = "Up to 50 files, each in a field of this name."
    return {"type": "array", "items": _FILE, **_SOME, "description": described}
