"""Which network a set of weights is, told by names and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from training.backbones import ARCHITECTURES, Backbone, build
from training.importers.origin import named
from training.importers.weights import CheckpointRefused, finite

UNIT = {"ir": re.compile(r"body\.(\d+)\."), "iresnet": re.compile(r"(layer\d\.\d+)\.")}
STEM = {"ir": "input_layer.0.weight", "iresnet": "conv1.weight"}
LAST = {"ir": "output_layer.3.weight", "iresnet": "fc.weight"}
# Networks people may well come with, by what only their weights are called.
STRANGERS = {
    ".se_block.": "an IR network with squeeze-and-excitation (ir_se_*)",
    "features.module.": "a MagFace network, which wants its pixels in [0, 1]",
    "patch_embed.": "a vision transformer",
    "conv_sep.": "a MobileFaceNet",
    "kpe.": "a vision transformer with key-point encoding",
}


class Layout(NamedTuple):
    """The row of the architecture table, and the embedding's length in this file."""

    architecture: str
    embedding: int


def layout(tensors: Mapping[str, Tensor]) -> Layout:
    """Raises CheckpointRefused with what it is, or is not, where no row of the table fits."""
    for mark, what in STRANGERS.items():
        if any(mark in name for name in tensors):
            raise CheckpointRefused(f"holds {what}; {_supported()}.")
    family = next((each for each in STEM if any(UNIT[each].match(n) for n in tensors)), None)
    if family is None or LAST[family] not in tensors or STEM[family] not in tensors:
        names = named(sorted(tensors)) or "nothing"
        raise CheckpointRefused(f"holds no recognizer known here ({names}); {_supported()}.")
    found = {match[1] for name in tensors if (match := UNIT[family].match(name))}
    width, embedding = len(tensors[STEM[family]]), len(tensors[LAST[family]])
    for architecture, shape in ARCHITECTURES.items():
        if (shape.layout, sum(shape.units), shape.widths[0]) == (family, len(found), width):
            return Layout(architecture, embedding)
    raise CheckpointRefused(
        f"holds an {family} network of {len(found)} units behind {width} channels"
        f"{_deep(family, len(found))}; {_supported()}."
    )


def _deep(family: str, units: int) -> str:
    deep = {("ir", 50): "ir_152", ("ir", 66): "ir_200"}
    return f", as {deep[family, units]} has" if (family, units) in deep else ""


def _supported() -> str:
    return f"supported are {', '.join(ARCHITECTURES)}"


def filled(found: Layout, tensors: Mapping[str, Tensor]) -> Backbone:
    """The backbone with these weights, in evaluation mode, float32, its memory its own.

    Raises CheckpointRefused naming weights that are missing, too many, of another shape or not
    finite: one that is skipped would cost accuracy and say nothing.
    """
    with torch.device("meta"):
        backbone = build(found.architecture, found.embedding)
    wanted = backbone.state_dict()
    _refuse_other_names(found, wanted, tensors)
    _refuse_other_values(found, wanted, tensors)
    own = {name: _own(tensors.get(name), like) for name, like in wanted.items()}
    backbone.load_state_dict(own, assign=True)
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stubs
    return backbone.eval()


def _own(value: Tensor | None, like: Tensor) -> Tensor:
    if value is None:
        return torch.zeros_like(like, device="cpu")
    return value.detach().to(like.dtype, copy=True)


def _refuse_other_names(
    found: Layout, wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor]
) -> None:
    # How many batches a norm has seen is no weight; files older than PyTorch 0.4.1 do not say.
    missing = [n for n in wanted.keys() - tensors.keys() if not n.endswith("num_batches_tracked")]
    strange = tensors.keys() - wanted.keys()
    complaints = [
        f"{len(names)} {which} ({named(sorted(names))})"
        for which, names in (("missing", missing), ("unexpected", strange))
        if names
    ]
    if complaints:
        raise CheckpointRefused(
            f"is not quite {found.architecture}: weights {' and '.join(complaints)}."
        )


def _refuse_other_values(
    found: Layout, wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor]
) -> None:
    for name, value in tensors.items():
        if value.shape != wanted[name].shape:
            raise CheckpointRefused(
                f"is not quite {found.architecture}: {name} is {tuple(value.shape)}, "
                f"{tuple(wanted[name].shape)} is needed."
            )
    if broken := sorted(name for name, value in tensors.items() if not finite(value)):
        raise CheckpointRefused(
            f"holds numbers that are NaN or infinite in {named(broken)}: the training had "
            "diverged; take an earlier checkpoint."
        )
