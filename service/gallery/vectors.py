"""What a vector has to be before it may be kept or searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.errors import BundleMismatch, InvalidEmbedding
from service.gallery.protocol import Collection, NewFace

_UNIT: Final = 1e-3  # how far from 1 the length of a unit vector may be; float16 sources reach 5e-4


@dataclass(frozen=True, slots=True)
class Space:
    """The unit vectors of a bundle, of `dimension` values."""

    bundle: str
    dimension: int

    def check_bundle(self, collection: Collection) -> None:
        """Raises BundleMismatch unless the collection's vectors are of this bundle."""
        if collection.bundle != self.bundle:
            raise BundleMismatch(
                f"The faces that come were enrolled with the model {collection.bundle!r} and cannot"
                f" be compared with those of {self.bundle!r}, which runs here; run that model."
            )

    def check_face(self, face: NewFace) -> None:
        """Raises InvalidEmbedding."""
        self.check(face.embedding[np.newaxis])
        if not (np.isfinite(face.norm) and face.norm > 0):
            raise InvalidEmbedding(f"The norm of an embedding is positive, not {face.norm}.")

    def check(self, vectors: NDArray[Any]) -> None:
        """Raises InvalidEmbedding unless they are (n, dimension), finite and of length 1.

        One NaN in an index would spoil the order of every search.
        """
        if vectors.shape != (len(vectors), self.dimension):
            raise InvalidEmbedding(
                f"An embedding of {self.bundle!r} has {self.dimension} values,"
                f" not {vectors.shape[-1]}."
            )
        lengths = np.linalg.norm(vectors, axis=1)
        if not np.all(np.abs(lengths - 1) <= _UNIT):  # false for NaN, too
            raise InvalidEmbedding("An embedding has to be finite and of length 1.")
