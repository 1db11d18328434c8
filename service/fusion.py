"""Several faces of one person as one vector, and those among them that do not belong there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # (n, d) rows of unit length
Norms = NDArray[np.float64]  # (n,) lengths of the features before they were made unit


def fused(vectors: Vectors, norms: Norms) -> Vectors:
    """normalise(sum of norm * unit vector), (d,), as the AdaFace paper does for videos (IJB-S).

    The zero vector where the faces cancel out.
    """
    total = norms @ vectors
    unit: Vectors = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
    return unit


def against_the_rest(vectors: Vectors, norms: Norms) -> NDArray[np.float64]:
    """(n,) cosines of each face with all others fused; empty for fewer than two."""
    if len(vectors) < 2:
        return np.zeros(0)
    features = vectors * norms[:, None]
    rest = features.sum(axis=0) - features
    lengths = np.maximum(np.linalg.norm(rest, axis=1), 1e-12)
    cosines: NDArray[np.float64] = np.einsum("nd,nd->n", vectors, rest) / lengths
    return cosines
