"""The endless, resumable order in which a student sees the pool."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.data.augment import augment
from training.data.crops import UNKNOWN, Crops
from training.data.order import generator, permutation
from training.data.targets import Targets, image


class Sample(NamedTuple):
    """One training example; batches hold the same fields stacked."""

    image: Tensor  # (112, 112, 3) uint8 RGB
    target: Tensor  # (d,) unit float32, the teacher's word on the clean crop
    label: Tensor  # () int64, UNKNOWN for mixtures and unlabelled faces
    severity: Tensor  # () float32, 0 to 1


class Stream(Dataset[Sample]):
    """Position in the run -> sample. Each epoch is a fresh permutation keyed by (seed, epoch)."""

    def __init__(self, crops: Crops, targets: Targets, seed: int) -> None:
        self.crops, self.targets, self.seed = crops, targets, seed

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, position: int) -> Sample:
        epoch, rank = divmod(position, len(self))
        index = int(permutation(self.seed, epoch, len(self))[rank])
        clean = image(self.crops, self.targets, index)
        view = augment(clean, generator(self.seed, epoch, index))
        label = self.crops.labels[index] if index < len(self.crops) else UNKNOWN
        return Sample(
            torch.from_numpy(np.ascontiguousarray(view.image)),
            torch.from_numpy(self.targets.embeddings[index]),
            torch.tensor(label),
            torch.tensor(view.severity, dtype=torch.float32),
        )


def batches(stream: Stream, first: int, last: int, size: int, workers: int) -> DataLoader[Sample]:
    """The samples at positions `first` to `last` in whole batches of `size`."""
    return DataLoader(stream, size, sampler=range(first, last), num_workers=workers, drop_last=True)
