"""Networks with settled random weights, in the shapes other people save them in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from training.backbones import ARCHITECTURES, Shape, build, settle

# Rows only these tests have: everything but the size is as in the real ones.
TINY = {
    "ir_tiny": Shape((1, 1, 1, 2), (8, 8, 12, 16), embedding=24),
    "r_tiny": Shape((1, 1, 1, 2), (8, 8, 12, 16), embedding=24, layout="iresnet"),
}


@pytest.fixture(autouse=True, scope="session")
def tiny_rows() -> Iterator[None]:
    ARCHITECTURES.update(TINY)
    yield
    for name in TINY:
        del ARCHITECTURES[name]


def settled(name: str, embedding: int | None = None) -> dict[str, Tensor]:
    """A state dict whose every entry matters: random scales, shifts and slopes as well."""
    torch.manual_seed(1)
    backbone = build(name, embedding)
    with torch.no_grad():
        for weight in backbone.parameters():
            if weight.ndim == 1 and weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.1)
    settle(backbone, [torch.rand(4, 3, 112, 112) * 2 - 1])
    return {key: value.contiguous() for key, value in backbone.state_dict().items()}


@pytest.fixture(scope="session")
def ir_tiny(tiny_rows: None) -> dict[str, Tensor]:
    return settled("ir_tiny")


@pytest.fixture(scope="session")
def r_tiny(tiny_rows: None) -> dict[str, Tensor]:
    return settled("r_tiny")
