"""Any known checkpoint, as a backbone that can answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.bundle import sha256
from training.backbones import Backbone
from training.importers.layout import filled, layout
from training.importers.origin import Color, Origin, origin
from training.importers.weights import CheckpointRefused, Weights, read


@dataclass(frozen=True, slots=True)
class Imported:
    """A backbone in evaluation mode and what its checkpoint told about it.

    `backbone` takes (n, 3, 112, 112) float32 in [-1, 1] with channels in the order of `color`.
    `loss` is `unknown` where the file does not say. `source` names file, origin and sha256.
    """

    backbone: Backbone
    architecture: str
    color: Color
    embedding: int
    loss: str
    loss_constants: dict[str, float]
    source: str


def backbone_of(path: Path, *, color: Color | None = None) -> Imported:
    """Reads a checkpoint of AdaFace, CVLface, insightface or this project; a file or its folder.

    `color` overrides what the file and its origin say. Nothing in the file is executed. Raises
    CheckpointRefused with one sentence where it is not whole, not known, not exactly the
    architecture it resembles, or its colour order cannot be told; FileNotFoundError where there
    is none.
    """
    weights = read(path)
    try:
        whose = origin(weights)
        found = layout(whose.tensors)
        backbone = filled(found, whose.tensors)
    except CheckpointRefused as error:
        raise CheckpointRefused(f"{weights.path} {error}") from error
    return Imported(
        backbone=backbone,
        architecture=found.architecture,
        color=color or whose.color or _ask(weights, whose),
        embedding=found.embedding,
        loss=whose.loss,
        loss_constants=whose.loss_constants,
        source=_source(weights, whose),
    )


def _ask(weights: Weights, whose: Origin) -> Color:
    if whose.kind == "CVLface":
        hint = "put the config.json or model.yaml it came with (color_space) beside it, or pass"
    else:
        hint = "IR weights of AdaFace are BGR, CVLface's new ones and most others RGB: pass"
    raise CheckpointRefused(
        f"{weights.path} does not say its colour order, and the wrong one costs accuracy "
        f"silently; {hint} --color rgb or --color bgr."
    )


def _source(weights: Weights, whose: Origin) -> str:
    kind = "" if whose.kind == "unknown" else f"{whose.kind} "
    return f"{kind}checkpoint {weights.path.name}, sha256 {sha256(weights.path)}"
