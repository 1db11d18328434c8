"""`Idempotency-Key`: a change is made once, however often its request arrives.

After the IETF's draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from service import answers, gallery
from service.errors import IdempotencyKeyReused, IdempotencyKeySpent, InvalidRequest
from service.gallery import Replayed

T = TypeVar("T")
PROBLEMS: Final = (IdempotencyKeyReused, IdempotencyKeySpent)
_KEY: Final = re.compile(r'"([!-~]{1,255})"|[!#-~][!-~]{0,254}')  # the draft has it quoted


@dataclass
class Once(Generic[T]):
    """A request that is answered once: `response` is there as soon as the change was made."""

    key: str | None
    request: bytes
    told: Callable[[T], Response]
    _response: Response | None = None

    def tell(self, made: T) -> bytes:
        self._response = self.told(made)
        return _packed(self._response)

    @property
    def response(self) -> Response:
        if self._response is None:
            raise RuntimeError("the change that is to be told was not made")
        return self._response


@dataclass(frozen=True)
class Repeatable:
    """A request, and the key under which it may come again; without one it is always new."""

    request: Request
    key: str | None

    def once(self, told: Callable[[T], Response], *asked: BaseModel | bytes) -> Once[T]:
        """`asked` are the parts of the request that matter, parsed: images as their bytes.

        A repeated form has another boundary, and repeated JSON may have another order.
        """
        return Once(self.key, self._fingerprint(asked), told)

    def _fingerprint(self, asked: tuple[BaseModel | bytes, ...]) -> bytes:
        scope = self.request.scope
        content = [scope["method"], scope["path"], *map(_plain, asked)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


async def repeatable(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="A value of your own, a UUID for example, new for each change: a repetition "
            "of the request within 24 hours gets the first answer and changes nothing.",
            examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
            json_schema_extra={"pattern": f"^(?:{_KEY.pattern})$"},
        ),
    ] = None,
) -> Repeatable:
    """Raises InvalidRequest for a key that is empty, too long or not printable ASCII."""
    if idempotency_key is None:
        return Repeatable(request, None)
    if (key := _KEY.fullmatch(idempotency_key.strip())) is None:
        raise InvalidRequest("Idempotency-Key: give 1 to 255 printable ASCII characters.")
    return Repeatable(request, key[1] or key[0])


Retry = Annotated[Repeatable, Depends(repeatable)]


async def replay(_: Request, error: Exception) -> Response:
    """The first answer again, byte for byte."""
    if not isinstance(error, Replayed):
        raise error
    status, headers, body = json.loads(error.answer)
    return Response(body, status, headers, "application/json")


def document(content: BaseModel, status: int, **headers: str) -> Response:
    return Response(content.model_dump_json(), status, headers, "application/json")


def told_person(status: int) -> Callable[[gallery.Person], Response]:
    """How a person is told who was created or changed."""
    return lambda made: document(answers.person(made), status, ETag=gallery.etag(made))


def told_collection(made: gallery.Collection) -> Response:
    return document(answers.collection(made), 201, ETag=gallery.etag(made))


def _packed(response: Response) -> bytes:
    kept = {
        name: response.headers[name] for name in ("etag", "location") if name in response.headers
    }
    return json.dumps([response.status_code, kept, bytes(response.body).decode()]).encode()


def _plain(part: BaseModel | bytes) -> Any:
    if isinstance(part, bytes):
        return hashlib.sha256(part).hexdigest()
    return part.model_dump(mode="json")
