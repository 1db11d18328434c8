"""`adaface models catalogue`: what there is to pull, and on what terms."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from models import catalogue as catalogues
from models.catalogue import Catalogue, Detector, Recognizer
from service.cli.console import JsonOption, err, one_line, out, print_json
from service.errors import PullFailed

CatalogueOption = Annotated[
    Path, typer.Option("--catalogue", help="Another catalogue, in the form of the one included.")
]


def list_catalogue(path: CatalogueOption = catalogues.OWN, as_json: JsonOption = False) -> None:
    """List the models of others that 'pull' can fetch, with their training data and licenses."""
    with one_line():
        known = catalogues.read(path)
    if as_json:
        print_json(known.model_dump(mode="json"))
        return
    table = Table("model", "kind", "trained on", "sha256", "license")
    for each in known.entries:
        file = each.weights[0] if isinstance(each, Recognizer) else each.member
        table.add_row(
            each.name,
            each.architecture if isinstance(each, Recognizer) else "detector",
            ", ".join(each.training_data),
            "pinned" if file.sha256 else "recorded at first use",
            known.licenses[each.license].name,
        )
    out.print(table)


def accept(known: Catalogue, entries: Sequence[Recognizer | Detector], *, accepted: bool) -> None:
    """Shows the licenses of what is to be fetched, and asks. Raises PullFailed for a no."""
    for name in dict.fromkeys(each.license for each in entries):
        license_ = known.licenses[name]
        whose = ", ".join(each.name for each in entries if each.license == name)
        text = f"License of {whose}: {license_.name}\n{license_.text}\n{license_.url}"
        err.print(text, markup=False, highlight=False)
        if not accepted and not _said_yes():
            raise PullFailed(
                "The license was not accepted, so nothing was fetched; --accept-license accepts it."
            )


def _said_yes() -> bool:
    """The answer of whoever sits at the terminal; no where there is nobody."""
    return sys.stdin.isatty() and typer.confirm("Do you accept it?", err=True)
