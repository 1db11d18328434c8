"""A client of adaface-service: generated operations, and what makes them handy."""

from __future__ import annotations

from adaface_client.answers import ProblemError, answer
from adaface_client.connection import connect, photograph
from adaface_client.paging import async_pages, pages

__all__ = ["ProblemError", "answer", "async_pages", "connect", "pages", "photograph"]
