"""The `adaface` command: the one file that knows both the service and the trainer.

Each side is imported only when it is called, so the service runs without torch and the trainer
without FastAPI.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from service.cli.conversion import Conversion


MENDED = (
    "run 'pip install --no-deps -r requirements/serve.txt' in its environment, or take the image."
)


def main() -> None:
    """Runs `adaface train ...` or any command of the service."""
    if sys.argv[1:2] == ["train"]:
        _train()
        return
    try:
        from service.cli import app, evaluation
    except ImportError as error:
        sys.exit(f"adaface: the installation is incomplete ({error}); {MENDED}")

    if sys.argv[1:2] == ["evaluate"]:
        # The service measures whole photographs, the trainer benchmarks of aligned crops.
        from training.evaluate.cli import app as benchmarks

        evaluation.app.add_typer(benchmarks)
    app(prog_name="adaface", obj=convert)


def convert(
    path: Path,
    onnx: Path,
    *,
    color: Literal["rgb", "bgr"] | None = None,
    flip_fusion: bool = False,
) -> Conversion:
    """The trainer's conversion of a checkpoint, for `adaface models import`.

    Raises BundleRefused, in one line, where the trainer is not installed or refuses the file.
    """
    from service.errors import BundleRefused

    try:
        from training.importers import conversion
    except ModuleNotFoundError as error:
        raise BundleRefused(
            f"{path} is a checkpoint, and reading it needs {error.name}; run "
            "'make train-environment', then '.venv-train/bin/adaface models import'."
        ) from error
    try:
        return conversion.convert(path, onnx, color=color, flip_fusion=flip_fusion)
    except (OSError, ValueError, RuntimeError) as error:
        raise BundleRefused(str(error)) from error


def _train() -> None:
    try:
        from training.cli import app
    except ModuleNotFoundError as error:
        sys.exit(
            f"adaface: training needs {error.name}; run 'make train-environment', then "
            "'.venv-train/bin/adaface train'."
        )
    app(args=sys.argv[2:], prog_name="adaface train")


if __name__ == "__main__":
    main()
