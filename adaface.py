"""The `adaface` command: the one file that knows both the service and the trainer.

Each side is imported only when it is called, so the service runs without torch and the trainer
without FastAPI.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Runs `adaface train ...` or any command of the service."""
    if sys.argv[1:2] == ["train"]:
        _train()
    else:
        from service.cli import app

        app(prog_name="adaface")


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
