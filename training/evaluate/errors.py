"""What keeps an evaluation from being made."""

from __future__ import annotations


class EvaluationError(ValueError):
    """The data or the model cannot be evaluated; one sentence says what to do about it."""
