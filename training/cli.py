"""`adaface train`: one command per network, and the way out to ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training import distill, export

app = typer.Typer(help="Train models and export them.", no_args_is_help=True, add_completion=False)
app.command("recognizer")(distill.main)


@app.command("export")
def export_recognizer(
    checkpoint: Annotated[Path, typer.Argument(help="student.pt of a training run.")],
    out: Annotated[Path, typer.Argument(help="The ONNX file to write.")],
    flip_fusion: Annotated[
        bool, typer.Option(help="Add the mirror image's feature to the crop's.")
    ] = True,
) -> None:
    """Write a recognizer as one ONNX file, after comparing it with PyTorch."""
    try:
        backbone = export.load_backbone(checkpoint)
    except FileNotFoundError as error:
        typer.echo(f"adaface train: {error}", err=True)
        raise typer.Exit(1) from error
    sha256 = export.export(backbone, out, flip_fusion=flip_fusion)
    parameters = sum(weight.numel() for weight in backbone.parameters())
    typer.echo(f"{out}: {parameters:,} parameters, sha256 {sha256}")
