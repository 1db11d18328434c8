"""Turns aligned crops into embeddings and norms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.golden import Features
from service.onnx import Session


class Recognizer:
    """A bundle's recognizer graph: colour order, scaling and length are inside it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name

    def __call__(self, crops: NDArray[np.uint8]) -> Features:
        """(n, 112, 112, 3) uint8 RGB crops -> `Features` of n rows."""
        embeddings, norms = self._session.run(["embedding", "norm"], {self._input: crops})
        return Features(embeddings, norms.reshape(-1))

    def each(self, crops: Sequence[NDArray[np.uint8]]) -> list[tuple[NDArray[np.float32], float]]:
        """One (embedding, norm) for each (112, 112, 3) crop: the shape a Batcher runs."""
        features = self(np.stack(crops))
        return list(zip(features.embeddings, features.norms.tolist(), strict=True))
