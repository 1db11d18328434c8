"""Listings, page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

from adaface_client.answers import answer
from adaface_client.generated.models.problem import Problem
from adaface_client.generated.types import UNSET, Response, Unset


class Page(Protocol):
    """An answer with a cursor; the last page has none."""

    next_: str | None


P = TypeVar("P", bound=Page)


def pages(ask: Callable[[str | Unset], Response[P | Problem]]) -> Iterator[P]:
    """All pages of a listing; `ask` is given each page's `after`. Raises ProblemError."""
    after: str | Unset | None = UNSET
    while after is not None:
        page = answer(ask(after))
        yield page
        after = page.next_


async def async_pages(
    ask: Callable[[str | Unset], Awaitable[Response[P | Problem]]],
) -> AsyncIterator[P]:
    """The same for operations that are awaited."""
    after: str | Unset | None = UNSET
    while after is not None:
        page = answer(await ask(after))
        yield page
        after = page.next_
