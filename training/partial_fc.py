"""The classification head of a recognizer, over one rank or many (PartialFC, arXiv 2203.15565)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from training import collectives
from training.adaface import Margin
from training.softmax import Softmax, Solution, Targets

# Logits that exist at a time: 64 MB beside a CPU's cache, 512 MB to keep a GPU busy.
BLOCK = {"cpu": 1 << 24}
GPU_BLOCK = 1 << 27
# The first weights come in blocks drawn by themselves, so that they do not depend on the world.
DRAWN = 4096


class Head(nn.Module):
    """Class vectors, a margin and the softmax over them.

    The classes are spread over torch.distributed's default group, made before the head: rank r
    of w holds the contiguous `rows` [r classes / w, (r + 1) classes / w). Keep the head outside
    DDP, whose averaging would mix different classes; the backbone belongs inside.

    With `sample_rate` < 1 a training step sees every class that the batch shows and a random
    choice of others, that share of a rank's rows together, drawn by (`seed`, step). The weight's
    gradient is then a sparse tensor of just these rows, for `training.sgd.SGD`.

    `target_cosines` (n,) are the last batch's, before the margin; `margin.k` its quality.
    Everything is computed in the weight's dtype (float32), outside autocast: bf16 rounds
    1 - 1e-3 to 1, where acos has no derivative.
    Raises ValueError for a sample rate outside (0, 1] and fewer classes than ranks.
    """

    draws: Tensor

    def __init__(  # noqa: PLR0913 - what a head is: sizes, margin, and how classes are sampled
        self,
        margin: Margin,
        embedding: int,
        classes: int,
        *,
        sample_rate: float = 1.0,
        seed: int = 0,
        block: int | None = None,
    ) -> None:
        super().__init__()
        if not 0 < sample_rate <= 1:
            raise ValueError(f"The sample rate is a share in (0, 1], not {sample_rate}.")
        if classes < collectives.size():
            raise ValueError(f"{classes} classes cannot be spread over {collectives.size()} ranks.")
        self.margin, self.classes, self.block = margin, classes, block
        self.sample_rate, self.seed = sample_rate, seed
        self.rows = share(classes, collectives.rank(), collectives.size())
        self.weight = nn.Parameter(_drawn(self.rows, embedding, seed))
        # Counts training steps, for the generator; saved, so that a resumed run draws the same.
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))
        self.target_cosines = torch.empty(0)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """(n, d) features and (n,) int64 labels -> mean cross-entropy over all ranks' faces.

        n is the same on every rank, and so is the loss. A rank's features get the gradient of
        that mean times the number of ranks: DDP then divides the backbone's by it, which leaves
        what one process would get from the whole batch. The weight's gradient is exact. No faces
        have loss 0.
        Raises ValueError for labels that are not int64 or not in 0 .. classes - 1.
        """
        with torch.autocast(features.device.type, enabled=False):
            labels = self._checked(features, labels)
            features = features.to(self.weight.dtype)
            norms = features.norm(dim=1, keepdim=True)
            unit = features / norms.clamp_min(1e-12)
            learning = torch.is_grad_enabled()
            with torch.no_grad():
                solution = self._solved(unit, norms.squeeze(1), labels, learning=learning)
            if isinstance(solution, Tensor):
                return solution
            loss: Tensor = _Solved.apply(unit, self.weight, solution)  # type: ignore[no-untyped-call] # torch's stubs
            return loss

    @torch.no_grad()
    def cosines(self, features: Tensor) -> Tensor:
        """(n, d) features -> (n, len(rows)) cosines to this rank's classes, without margin."""
        unit = functional.normalize(features.to(self.weight.dtype))
        return unit @ functional.normalize(self.weight).t()

    def _checked(self, features: Tensor, labels: Tensor) -> Tensor:
        """All ranks' labels, (b,) int64. Checked together, so that all ranks stop or none."""
        if labels.dtype != torch.int64 or labels.shape != features.shape[:1]:
            raise ValueError(
                f"Labels must be int64, one for each of {len(features)} features;"
                f" these are {labels.dtype} of shape {tuple(labels.shape)}."
            )
        labels = collectives.gathered(labels)
        wrong = (labels < 0) | (labels >= self.classes)
        if wrong.any():
            raise ValueError(
                f"Label {int(labels[wrong][0])} is not in 0 .. {self.classes - 1}: give the head"
                " as many classes as the data has, and number them from 0."
            )
        return labels

    def _solved(
        self, unit: Tensor, norms: Tensor, labels: Tensor, *, learning: bool
    ) -> Solution | Tensor:
        """The loss of unit features (n, d) under all ranks' labels (b,), alone or with gradients."""
        faces = collectives.gathered(unit)
        row = _row(labels, self.rows)
        chosen = self._chosen(row) if self.training else None
        weight = self.weight.detach()
        if chosen is not None:
            weight, row = weight[chosen], _within(row, chosen)
        softmax = Softmax(weight, scale=self.margin.scale, bound=self.margin.bound)
        self.target_cosines = collectives.own(collectives.total(softmax.cosines(faces, row)))
        targets = Targets(row, *self._margined(self.target_cosines, norms, learning=learning))
        if not learning:
            return softmax.loss(faces, targets, rows=self._block_rows)
        solution = softmax.solve(faces, targets, rows=self._block_rows)
        return self._whole(solution, chosen)

    @property
    def _block_rows(self) -> int:
        """Faces per block: the same on every rank, as each block has its collectives."""
        block = self.block or BLOCK.get(self.weight.device.type, GPU_BLOCK)
        share = self.sample_rate if self.training else 1.0
        return max(1, int(block / (self.classes / collectives.size() * share)))

    def _margined(self, cosines: Tensor, norms: Tensor, *, learning: bool) -> tuple[Tensor, Tensor]:
        """All ranks' target cosines after the margin, (b,), and the derivatives of it.

        The margin sees this rank's faces only, whichever rank holds their classes: that is what
        `norm_statistics` is about.
        """
        if not learning:
            moved = collectives.gathered(self.margin(cosines, norms))
            return moved, torch.zeros_like(moved)
        with torch.enable_grad():
            before = cosines.detach().requires_grad_()
            after = self.margin(before, norms)
            [slope] = torch.autograd.grad(after.sum(), before)
        return collectives.gathered(after.detach()), collectives.gathered(slope)

    def _chosen(self, row: Tensor) -> Tensor | None:
        """The rows of this step, rising: all that the batch shows, and others at random."""
        if self.sample_rate == 1:
            return None
        key = [self.seed, int(self.draws), self.rows.start]
        state = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
        order = torch.rand(len(self.rows), generator=torch.Generator().manual_seed(state >> 1))
        order[row[row >= 0].to(order.device)] = 2.0  # before every other
        shown = int((order == 2.0).sum())
        count = max(1, shown, int(self.sample_rate * len(order)))
        self.draws += 1
        return order.topk(count).indices.sort().values.to(row.device)

    def _whole(self, solution: Solution, chosen: Tensor | None) -> Solution:
        """The gradients as `forward` promises them."""
        faces = collectives.own(collectives.total(solution.faces)) * collectives.size()
        weight = solution.weight
        if chosen is not None:
            weight = torch.sparse_coo_tensor(
                chosen.unsqueeze(0),
                weight,
                self.weight.shape,
                is_coalesced=True,
                check_invariants=False,
            )
        return Solution(solution.loss, faces, weight)


class _Solved(torch.autograd.Function):
    """A loss whose gradients came with it."""

    @staticmethod
    def forward(ctx: Any, _unit: Tensor, _weight: Tensor, solution: Solution) -> Tensor:
        ctx.gradients = (solution.faces, solution.weight)
        return solution.loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        """Hands the gradients over: the weight's is as large as the weight, and is not copied."""
        if ctx.gradients is None:
            raise RuntimeError("The head's loss was differentiated before; compute it anew.")
        (faces, weight), ctx.gradients = ctx.gradients, None
        return faces * upstream, weight.mul_(upstream), None


def share(classes: int, rank: int, size: int) -> range:
    """The classes of a rank among `size`: contiguous, and uneven by at most one."""
    return range(classes * rank // size, classes * (rank + 1) // size)


def _row(labels: Tensor, rows: range) -> Tensor:
    """Where the labels' classes lie in a weight of `rows`, -1 for those of other ranks."""
    here = (labels >= rows.start) & (labels < rows.stop)
    return torch.where(here, labels - rows.start, -1)


def _within(row: Tensor, chosen: Tensor) -> Tensor:
    """Rows of a weight as rows of the part of it that was chosen."""
    return torch.where(row >= 0, torch.searchsorted(chosen, row), -1)


def _drawn(rows: range, embedding: int, seed: int) -> Tensor:
    """Class vectors of unit length in directions as AdaFace's `head.py` draws them."""
    weight = torch.empty(len(rows), embedding)
    for block in range(rows.start // DRAWN, -(-rows.stop // DRAWN)):
        state = np.random.SeedSequence([seed, block]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state) >> 1)
        drawn = torch.empty(DRAWN, embedding).uniform_(-1, 1, generator=generator)
        first, last = max(rows.start, block * DRAWN), min(rows.stop, (block + 1) * DRAWN)
        part = drawn[first - block * DRAWN : last - block * DRAWN]
        weight[first - rows.start : last - rows.start] = functional.normalize(part)
    return weight
