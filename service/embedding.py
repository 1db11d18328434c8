"""Turns aligned crops into embeddings and norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.golden import Features
from service.errors import BundleRefused
from service.onnx import Session

Engine = Literal["onnxruntime", "winograd"]


class Recognizer:
    """A bundle's recognizer graph: colour order, scaling and length are inside it.

    `engine` names what computes it. Raises BundleRefused for a graph that takes or answers
    anything else.
    """

    def __init__(self, session: Session, engine: Engine = "onnxruntime") -> None:
        takes = [each.type for each in session.get_inputs()]
        answers = {each.name for each in session.get_outputs()}
        if takes != ["tensor(uint8)"] or not {"embedding", "norm"} <= answers:
            raise BundleRefused(
                f"The recognizer takes {takes} and answers {sorted(answers)}, not uint8 crops and "
                "embedding and norm; 'adaface models import' makes a bundle of a foreign model."
            )
        self._session, self.engine = session, engine
        self._input = session.get_inputs()[0].name

    def __call__(self, crops: NDArray[np.uint8]) -> Features:
        """(n, 112, 112, 3) uint8 RGB crops -> `Features` of n rows."""
        embeddings, norms = self._session.run(["embedding", "norm"], {self._input: crops})
        return Features(embeddings, norms.reshape(-1))

    def each(self, crops: Sequence[NDArray[np.uint8]]) -> list[tuple[NDArray[np.float32], float]]:
        """One (embedding, norm) for each (112, 112, 3) crop: the shape a Batcher runs."""
        features = self(np.stack(crops))
        return list(zip(features.embeddings, features.norms.tolist(), strict=True))
