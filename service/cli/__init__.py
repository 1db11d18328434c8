"""The command line of the service: serve, embed, models, evaluate."""

from service.cli.commands import app

__all__ = ["app"]
