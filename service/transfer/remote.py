"""The running service as a command sees it: over HTTP, with patience."""

from __future__ import annotations

import asyncio
import random
from types import TracebackType
from typing import Any, Final, Self

import httpx

from service.errors import TransferFailed

DELAYS: Final = (0.5, 1.0, 2.0)  # seconds before an unanswered request is sent again
PATIENCE: Final = 600.0  # seconds of 503s in a row before giving up
_TIMEOUT: Final = httpx.Timeout(120.0, connect=5.0)


class Refused(TransferFailed):
    """The service answered with a problem; `slug` is its type without the prefix."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(str(document.get("detail") or f"The service answered {status}."))
        self.status, self.document = status, document
        self.slug = str(document.get("type", "")).removeprefix("urn:problem:")


class Remote:
    """Requests that may be made twice: what is sent has to be idempotent.

    It waits as long as a 503 says, and sends again what was not answered.
    """

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        """`headers` go with every request, as those of an access key."""
        self.url = url.rstrip("/")
        self._headers = headers or {}

    async def __aenter__(self) -> Self:
        limits = httpx.Limits(max_connections=None)
        self._client = httpx.AsyncClient(headers=self._headers, timeout=_TIMEOUT, limits=limits)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def __call__(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer. Raises Refused for a problem, TransferFailed where nobody answers."""
        waited = 0.0
        while True:
            answer = await self._answer(method, self.url + path, request)
            if answer.is_success:
                return answer
            refused = Refused(answer.status_code, _document(answer))
            wait = answer.headers.get("Retry-After", "")
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or not wait.isdigit():
                raise refused
            if waited >= PATIENCE:
                raise refused
            pause = int(wait) * random.uniform(1.0, 1.25)  # or all who were refused come at once
            await asyncio.sleep(pause)
            waited += pause

    async def _answer(self, method: str, url: str, request: dict[str, Any]) -> httpx.Response:
        for delay in (*DELAYS, None):
            try:
                return await self._client.request(method, url, **request)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise TransferFailed(f"{self.url} is no address of a service: {error}") from error
            except httpx.TransportError as error:
                if delay is None:
                    reason = str(error) or type(error).__name__
                    raise TransferFailed(
                        f"The service at {self.url} does not answer ({reason}); start it and run the"
                        " same command again, which goes on where this one stopped."
                    ) from error
                await asyncio.sleep(delay)
        raise AssertionError  # the last delay is None


def _document(answer: httpx.Response) -> dict[str, Any]:
    """The problem document; empty where a proxy or somebody else answered."""
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
