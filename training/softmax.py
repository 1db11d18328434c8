"""Cross-entropy over very many classes, with its gradients, in blocks of faces.

The usual way holds about ten faces x classes matrices at once; here one block of logits becomes
its own gradient in place. The classes may be spread over ranks, each with some rows of the weight
(model-parallel softmax of PartialFC, arXiv 2010.05222, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training import collectives

# Rows per pass over the weight's gradient: a slice of both stays in the cache.
SLICE = 8192


@dataclass(frozen=True, slots=True)
class Targets:
    """What becomes of b faces' cosines to their own classes.

    `row` (b,) int64 is the class's row in the weight here, -1 where another rank has it;
    `cosine` (b,) the one after the margin; `slope` (b,) its derivative by the one before.
    """

    row: Tensor
    cosine: Tensor
    slope: Tensor

    def __getitem__(self, part: slice) -> Targets:
        return Targets(self.row[part], self.cosine[part], self.slope[part])


@dataclass(frozen=True, slots=True)
class Solution:
    """The mean loss, a scalar, and its gradients by the faces (b, d) and the weight (c, d)."""

    loss: Tensor
    faces: Tensor
    weight: Tensor


class Softmax:
    """The mean of -log softmax(scale cosines) at each face's own class.

    `weight` (c, d) are this rank's class vectors, of any length: only their direction counts, and
    the gradient is that by the vectors as they are. Cosines are clamped to +-`bound`.
    """

    def __init__(self, weight: Tensor, *, scale: float, bound: float) -> None:
        self.weight, self.scale, self.limit = weight, scale, scale * bound
        # 1e-12 as in torch's normalize; a normalized copy of the weight is never made.
        self.inverse = torch.linalg.vector_norm(weight, dim=1).clamp_min(1e-12).reciprocal()

    def cosines(self, faces: Tensor, row: Tensor) -> Tensor:
        """(b,) cosines of the faces to their own classes; 0 where `row` is -1."""
        at = row.clamp_min(0)
        products = (faces * self.weight[at]).sum(dim=1) * self.inverse[at]
        return torch.where(row >= 0, products, 0)

    def loss(self, faces: Tensor, targets: Targets, *, rows: int) -> Tensor:
        """The loss of (b, d) faces of unit length, `rows` of them at a time."""
        losses = faces.new_empty(len(faces))
        for part in _parts(len(faces), rows):
            logits = self._logits(faces[part]).clamp_(-self.limit, self.limit)
            losses[part], _ = self._exponentials(logits, targets[part])
        return _mean(losses)

    def solve(self, faces: Tensor, targets: Targets, *, rows: int) -> Solution:
        """As `loss`, with gradients.

        Those by the faces are this rank's share: their sum over ranks is the whole.
        """
        losses, by_faces = faces.new_empty(len(faces)), torch.empty_like(faces)
        by_weight = torch.zeros_like(self.weight)
        for part in _parts(len(faces), rows):
            logits = self._logits(faces[part])
            clamped = self._clamp(logits)
            losses[part], total = self._exponentials(logits, targets[part])
            self._differentiate(logits, targets[part], total, clamped)
            weights = (self.scale / (len(faces) * total)).unsqueeze(1)
            by_faces[part] = (logits @ self.weight).mul_(weights)
            by_weight.addmm_(logits.t(), faces[part] * weights)
        self._project(by_weight)
        return Solution(_mean(losses), by_faces, by_weight)

    def _logits(self, faces: Tensor) -> Tensor:
        """(b, c) scaled cosines: the one large temporary."""
        return (faces @ self.weight.t()).mul_(self.inverse * self.scale)

    def _clamp(self, logits: Tensor) -> Tensor | None:
        """Clamps in place; which (b, c) entries that changed, as the gradient stops there.

        There are none in nearly every step, so no mask is made before one is found.
        """
        low, high = logits.aminmax()
        if low >= -self.limit and high <= self.limit:
            return None
        clamped = logits.abs().gt(self.limit)
        logits.clamp_(-self.limit, self.limit)
        return clamped

    def _exponentials(self, logits: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
        """Logits to exp(logits - highest), in place, with the margin; (b,) losses and their sums.

        From the logarithm of the sum, never of a probability: that underflows, and a clamp there
        is the plateau at -ln(1e-30) = 69.08 which hides a broken run.
        """
        own = targets.cosine * self.scale
        _put(logits, targets.row, own)
        top = collectives.highest(logits.amax(dim=1))
        logits.sub_(top.unsqueeze(1)).exp_()
        total = collectives.total(logits.sum(dim=1))
        return total.log() + (top - own), total

    def _differentiate(
        self, powers: Tensor, targets: Targets, total: Tensor, clamped: Tensor | None
    ) -> None:
        """Exponentials to the gradient by cosines, in place, but for scale / (n total) per face.

        d loss / d logit is softmax - 1 at the face's class, softmax elsewhere. Divided by the
        class vectors' lengths, since both products that follow want it so.
        """
        if clamped is not None:
            powers.masked_fill_(clamped, 0)
        own = powers.gather(1, targets.row.clamp_min(0).unsqueeze(1)).squeeze(1)
        _put(powers, targets.row, (own - total) * targets.slope)
        powers.mul_(self.inverse)

    def _project(self, gradient: Tensor) -> None:
        """Gradient by unit vectors to gradient by the weight, in place: its part along w goes.

        With u = w / |w| it is (g - (g u) u) / |w|; the division is done already.
        """
        for first in range(0, len(gradient), SLICE):
            part = slice(first, first + SLICE)
            g, w = gradient[part], self.weight[part]
            along = (g * w).sum(dim=1) * self.inverse[part].square()
            g.addcmul_(w, along.unsqueeze(1), value=-1)


def _put(matrix: Tensor, row: Tensor, values: Tensor) -> None:
    """matrix[i, row[i]] = values[i] where `row` is not -1; without asking the device which."""
    at = row.clamp_min(0).unsqueeze(1)
    kept = torch.where((row >= 0).unsqueeze(1), values.unsqueeze(1), matrix.gather(1, at))
    matrix.scatter_(1, at, kept)


def _parts(faces: int, rows: int) -> list[slice]:
    """Blocks of at most `rows` faces, of about one size: the last is not a sliver."""
    blocks = -(-faces // rows)
    size = -(-faces // max(1, blocks))
    return [slice(first, first + size) for first in range(0, faces, max(1, size))]


def _mean(losses: Tensor) -> Tensor:
    """0 for no faces, where a mean would be NaN."""
    return losses.sum() / max(1, len(losses))
