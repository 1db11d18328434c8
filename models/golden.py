"""Golden vectors: what a bundle must answer to fixed pictures, checked at every start."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

LEAST_COSINE = 0.9999
NORM_TOLERANCE = 0.01


class Features(NamedTuple):
    """A recognizer's answer: `embeddings` (n, d) unit rows and `norms` (n,), both float32."""

    embeddings: NDArray[np.float32]
    norms: NDArray[np.float32]


Recognize = Callable[[NDArray[np.uint8]], Features]  # (n, 112, 112, 3) uint8 RGB crops


class Golden(BaseModel):
    """The answer to `picture(seed)` when the bundle was made."""

    model_config = ConfigDict(frozen=True)

    seed: int = Field(ge=0)
    embedding: str = Field(description="base64 of little-endian float32")
    norm: float = Field(gt=0)

    def vector(self) -> NDArray[np.float32]:
        """The (d,) float32 embedding."""
        return np.frombuffer(base64.b64decode(self.embedding), dtype="<f4")


class GoldenMismatch(ValueError):
    """The recognizer does not answer as it did when the bundle was made."""


def picture(seed: int) -> NDArray[np.uint8]:
    """A (112, 112, 3) uint8 crop of colored waves, the same on every machine.

    Made of integers only. The three channels differ, so swapped colours change the answer.
    """
    rows, columns = np.mgrid[0:112, 0:112]
    channels = [
        (rows * (3 + seed + k) + columns * (5 + 2 * k) + (rows * columns * (k + 1)) // 64 + 40 * k)
        for k in range(3)
    ]
    waves = np.stack(channels, axis=2) % 510
    return np.where(waves > 255, 510 - waves, waves).astype(np.uint8)


def record(recognize: Recognize, seeds: tuple[int, ...] = (0, 1, 2)) -> list[Golden]:
    """The golden vectors of a recognizer."""
    answers = recognize(np.stack([picture(seed) for seed in seeds]))
    return [
        Golden(
            seed=seed,
            embedding=base64.b64encode(vector.astype("<f4").tobytes()).decode(),
            norm=float(norm),
        )
        for seed, vector, norm in zip(seeds, *answers, strict=True)
    ]


def check(recognize: Recognize, golden: tuple[Golden, ...]) -> None:
    """Asks the recognizer again; cosine at least 0.9999 and norm within 1 %, or GoldenMismatch."""
    answers = recognize(np.stack([picture(entry.seed) for entry in golden]))
    for entry, vector, norm in zip(golden, *answers, strict=True):
        wanted = entry.vector()
        if vector.shape != wanted.shape or not np.isfinite(vector).all():
            raise GoldenMismatch(f"Golden vector {entry.seed} has another shape or is not finite.")
        cosine = float(vector @ wanted)
        drift = abs(float(norm) - entry.norm) / entry.norm
        if cosine < LEAST_COSINE or drift > NORM_TOLERANCE:
            raise GoldenMismatch(
                f"Golden vector {entry.seed} came out with cosine {cosine:.5f} and a norm "
                f"{drift:.1%} off: the runtime, its precision or the colour order has changed."
            )
