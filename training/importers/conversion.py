"""A checkpoint, whoever trained it, as the ONNX graph a bundle holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.bundle import Loss
from training.export import export
from training.importers.checkpoint import Imported, backbone_of
from training.importers.origin import Color
from training.parity import Parity

__all__ = ["Conversion", "Imported", "backbone_of", "convert"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was converted, and how near the graph came to PyTorch."""

    architecture: str
    parameters: int
    color: Color
    embedding: int
    loss: str
    loss_constants: dict[str, float]
    flip_fusion: bool
    source: str
    sha256: str
    parity: Parity

    def manifest(self) -> dict[str, Any]:
        """The entries of `models.bundle.Manifest` that follow from the checkpoint."""
        return {
            "architecture": self.architecture,
            "parameters": self.parameters,
            "loss": Loss(name=self.loss, constants=self.loss_constants),
            "embedding_size": self.embedding,
            "flip_fusion": self.flip_fusion,
        }


def convert(
    path: Path, onnx: Path, *, color: Color | None = None, flip_fusion: bool = False
) -> Conversion:
    """Writes the checkpoint in `path` as a contract graph to `onnx`, whole or not at all.

    The graph takes (n, 112, 112, 3) uint8 RGB whatever the colour order of the weights, and
    answers `embedding` (n, d) unit float32 and `norm` (n,) float32. Flip fusion doubles the work
    per face; the published accuracies of AdaFace have it. Raises CheckpointRefused as
    `backbone_of` does, and ParityError where ONNX Runtime does not answer as PyTorch does.
    """
    imported = backbone_of(path, color=color)
    known = {"architecture": imported.architecture, "source": imported.source}
    constants = {f"loss.{name}": str(value) for name, value in imported.loss_constants.items()}
    exported = export(
        imported.backbone,
        onnx,
        flip_fusion=flip_fusion,
        color=imported.color,
        metadata=known | {"loss": imported.loss} | constants,
    )
    return Conversion(
        architecture=imported.architecture,
        parameters=sum(weight.numel() for weight in imported.backbone.parameters()),
        color=imported.color,
        embedding=imported.embedding,
        loss=imported.loss,
        loss_constants=imported.loss_constants,
        flip_fusion=flip_fusion,
        source=imported.source,
        sha256=exported.sha256,
        parity=exported.parity,
    )
