"""`python -m training` is `adaface train`."""

from __future__ import annotations

from training.cli import app

app(prog_name="python -m training")
