"""Templates: one vector for all the images a protocol knows a subject by (IJB-B/C)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.golden import Features
from training.evaluate.errors import EvaluationError
from training.evaluate.ijb_meta import Faces

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Weighting:
    """What an image weighs in its template.

    `norm`: as much as its feature is long (AdaFace; switch N of insightface's scripts), `detector`:
    as much as the detector was sure of its face (D). AdaFace's published numbers have norm alone,
    insightface's have both. The norm is the unflipped crop's, also with flip fusion.
    """

    norm: bool = True
    detector: bool = False


@dataclass(frozen=True)
class Templates:
    """`ids` (t,) rising and `vectors` (t, d) unit float32."""

    ids: Ids
    vectors: NDArray[np.float32]

    def rows(self, ids: NDArray[np.integer], where: object) -> Ids:
        """The rows of templates; EvaluationError names `where` if one has no image."""
        rows = np.searchsorted(self.ids, ids).clip(0, len(self.ids) - 1)
        if (wrong := self.ids[rows] != ids).any():
            raise EvaluationError(f"{where}: template {ids[wrong][0]} has no image.")
        return np.asarray(rows, np.int64)


def aggregate(
    found: Iterable[tuple[slice, Features]], faces: Faces, weighting: Weighting
) -> Templates:
    """Mean over the images of a medium, sum over the media of a template, then unit length.

    `found` brings the features of rows of `faces`, in blocks of any order. Only the sums over
    media are held, (media, d), whatever the number of images.
    """
    groups, group = _groups(faces.template, faces.media)
    sums: NDArray[np.float32] | None = None
    for rows, features in found:
        weights = features.norms if weighting.norm else np.ones_like(features.norms)
        if weighting.detector:
            weights = weights * faces.scores[rows]
        if sums is None:
            sums = np.zeros((len(groups), features.embeddings.shape[1]), np.float32)
        _add(sums, group[rows], features.embeddings * weights[:, None])
    if sums is None:
        raise EvaluationError("There are no images to make templates of.")
    sums /= np.bincount(group, minlength=len(groups))[:, None].astype(np.float32)
    ids, starts = np.unique(groups[:, 0], return_index=True)
    total = np.add.reduceat(sums, starts, axis=0)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return Templates(ids, (total / np.maximum(length, 1e-6)).astype(np.float32))


def _groups(template: Ids, media: Ids) -> tuple[Ids, Ids]:
    """The (m, 2) distinct pairs of template and medium, sorted, and the pair of each image."""
    pairs = np.stack([template, media], axis=1)
    groups, group = np.unique(pairs, axis=0, return_inverse=True)
    return groups, group.reshape(-1)


def _add(sums: NDArray[np.float32], group: Ids, vectors: NDArray[np.float32]) -> None:
    """sums[group[i]] += vectors[i], groups that come up repeatedly included."""
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    sums[present] += np.add.reduceat(vectors[order], starts, axis=0)
