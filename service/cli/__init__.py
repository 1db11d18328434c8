"""The command line of the service: serve, embed, models, calibrate, evaluate."""

from service.cli import evaluation
from service.cli.commands import app

__all__ = ["app", "evaluation"]
