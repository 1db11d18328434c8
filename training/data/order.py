"""The order of a run: position -> (epoch, sample), and the random numbers that go with a sample."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Draws(NamedTuple):
    """Which samples one rank sees in one step: `epochs` and `indices`, both (batch,) int64."""

    epochs: NDArray[np.int64]
    indices: NDArray[np.int64]


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random numbers of one sample: a function of (seed, epoch, index) and nothing else.

    So a run is the same for any number of workers and after a resume. (The official trainer's
    workers repeat each other's draws; see pytorch PR 56488.)
    """
    return np.random.default_rng((seed, epoch, index))


@lru_cache(maxsize=2)
def permutation(seed: int, epoch: int, size: int) -> NDArray[np.integer]:
    """The epoch's order of 0 to `size - 1`, keyed by (seed, epoch).

    Kept as 32-bit numbers where they fit: 170 MB for the 42 million pictures of WebFace42M, in
    the main process of each rank only.
    """
    order = np.random.default_rng((seed, epoch)).permutation(size)
    return order.astype(np.int32) if size < 2**31 else order


def draws(positions: NDArray[np.int64], seed: int, size: int) -> Draws:
    """The samples at `positions` (n,) of an endless run through `size` samples.

    Epochs follow each other without a gap, so one may end within a batch.
    """
    epochs, places = np.divmod(positions, size)
    indices = np.empty(len(positions), np.int64)
    for epoch in np.unique(epochs):
        chosen = epochs == epoch
        indices[chosen] = permutation(seed, int(epoch), size)[places[chosen]]
    return Draws(epochs, indices)


def steps(  # noqa: PLR0913 - the whole of what an order depends on
    size: int, *, batch: int, rank: int, world: int, first_step: int, last_step: int, seed: int
) -> Iterator[Draws]:
    """What rank `rank` of `world` sees in steps `first_step` to `last_step - 1`.

    Step s is positions `s * batch * world` onwards, of which the ranks take turns: the samples
    of a step do not depend on how many ranks share them.
    """
    for step in range(first_step, last_step):
        local = np.arange(step * batch, (step + 1) * batch, dtype=np.int64)
        yield draws(local * world + rank, seed, size)
