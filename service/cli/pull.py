"""`adaface models pull`: a model of the catalogue, one command away from a bundle."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, cast

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from models import bundle as bundles
from models import catalogue as catalogues
from models.assembly import Description, refuse_bundle_in
from models.bundle import Bundle
from models.catalogue import Catalogue, Detector, Recognizer
from service.cli import models
from service.cli.catalogue import CatalogueOption, accept
from service.cli.console import err, one_line, out, working
from service.cli.conversion import Convert
from service.cli.importing import converted
from service.errors import PullFailed
from service.importing import Source, import_bundle
from service.pull.card import card
from service.pull.download import Progress as Told
from service.pull.pulling import GITHUB, Pulled, Where, pull
from service.pull.recorded import Recorded
from service.settings import STARTER
from service.wrapping import Colors

DOWNLOADS = ".downloads"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become of an entry, as far as the catalogue does not say it."""

    known: Catalogue
    detector: Detector | None
    target: Path
    color: Colors | None
    flip_fusion: bool


def pull_model(  # noqa: PLR0913 - one option for each thing that can be elsewhere
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name of 'adaface models catalogue'.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "--out", help="The new bundle, or detector; bundles/NAME."),
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="A detector of the catalogue in place of the starter's.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Mirror of the Hugging Face hub; else HF_ENDPOINT.")
    ] = None,
    github: Annotated[str, typer.Option(help="Mirror of GitHub, for detectors.")] = GITHUB,
    brought: Annotated[
        Path | None,
        typer.Option("--from", help="File or folder fetched elsewhere; nothing is downloaded."),
    ] = None,
    accepted: Annotated[
        bool,
        typer.Option("--accept-license", "--accept-licence", help="The license is accepted."),
    ] = False,
    color: Annotated[
        Colors | None, typer.Option(help="Color order, for weights without their config.json.")
    ] = None,
    flip_fusion: Annotated[
        bool, typer.Option("--flip-fusion", help="Add the mirror image's feature: twice the work.")
    ] = False,
    path: CatalogueOption = catalogues.OWN,
) -> None:
    """Fetch a model of others, check it, convert it and make a bundle of it."""
    with one_line():
        known = catalogues.read(path)
        entry = known.find(name)
        seeing = None if detector is None else known.detector(detector)
        target = output or _default(entry)
        _refuse_impossible(entry, target)
        accept(known, [each for each in (entry, seeing) if each is not None], accepted=accepted)
        wish = Wish(known, seeing, target, color, flip_fusion)
        with _downloads(target.parent) as folder:
            where = Where(folder, Recorded(target.parent), brought, endpoint, github.rstrip("/"))
            if isinstance(entry, Detector):
                _place(entry, where, target)
            else:
                bundle = _bundle(entry, wish, where, cast("Convert | None", context.obj))
                models.print_bundle(bundle)


def _default(entry: Recognizer | Detector) -> Path:
    return Path("bundles") / (entry.name + (".onnx" if isinstance(entry, Detector) else ""))


def _refuse_impossible(entry: Recognizer | Detector, target: Path) -> None:
    """Before anybody is asked, and long before a download."""
    if isinstance(entry, Detector):
        if target.exists():
            raise PullFailed(f"{target} is there already; choose another --output.")
        return
    refuse_bundle_in(target)
    if importlib.util.find_spec("torch") is None:
        raise PullFailed(
            f"Converting {entry.name} takes the training environment: run 'make train-environment', "
            "then '.venv-train/bin/adaface models pull'."
        )


@contextmanager
def _downloads(parent: Path) -> Iterator[Path]:
    """A folder beside the bundles for what is fetched: it stays after a break, and goes after success.

    A folder that was made for nothing goes, too.
    """
    made = [each for each in (parent, *parent.parents) if not each.exists()]
    folder = parent / DOWNLOADS
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        for each in (*folder.iterdir(), folder, *made):
            with suppress(OSError):  # what is not empty stays
                each.rmdir()


@contextmanager
def _watching() -> Iterator[Progress]:
    """Bars of bytes on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=err, transient=True) as bars:
        yield bars


def _watch(bars: Progress, title: str) -> Told:
    task = bars.add_task(title, total=None)
    return lambda there, whole: bars.update(task, completed=there, total=whole)


def _fetched(entries: Iterable[Recognizer | Detector], where: Where) -> list[Pulled]:
    with _watching() as bars:
        return [pull(each, where, lambda title: _watch(bars, title)) for each in entries]


def _keep(pulled: Iterable[Pulled], where: Where) -> None:
    """Records the sums of what came to something, and does away with the downloads."""
    for each in pulled:
        where.recorded.keep(each.name, each.record)
        shutil.rmtree(where.folder / each.name, ignore_errors=True)


def _place(entry: Detector, where: Where, target: Path) -> None:
    """A detector alone, for the --detector of 'adaface models import'."""
    pulled = _fetched([entry], where)
    partial = where.folder / f"{entry.name}.onnx"  # a full disk must not leave half of `target`
    shutil.copyfile(pulled[0].file, partial)
    partial.replace(target)
    _keep(pulled, where)
    out.print(f"{target}: sha256 {bundles.sha256(target)}", markup=False, highlight=False)


def _bundle(entry: Recognizer, wish: Wish, where: Where, convert: Convert | None) -> Bundle:
    pulled = _fetched([entry, *filter(None, [wish.detector])], where)
    with TemporaryDirectory(prefix="adaface-") as scratch:
        described = Path(scratch, bundles.CARD)
        described.write_text(card(wish.known, entry, wish.detector, [e.record for e in pulled]))
        detector = STARTER / bundles.DETECTOR if wish.detector is None else pulled[1].file
        source = Source(pulled[0].file, detector, described, wish.color or entry.color)
        made, description = converted(convert, source, _description(entry, wish), Path(scratch))
        _refuse_stranger(entry, description)
        with working("making the bundle") as advance:
            bundle = import_bundle(made, description, None, wish.target, advance)
    _keep(pulled, where)
    return bundle


def _description(entry: Recognizer, wish: Wish) -> Description:
    return Description(
        name=entry.name,
        loss=entry.loss,
        license=wish.known.licenses[entry.license].name,
        training_data=list(entry.training_data),
        flip_fusion=wish.flip_fusion,
    )


def _refuse_stranger(entry: Recognizer, description: Description) -> None:
    if description.architecture != entry.architecture:
        raise PullFailed(
            f"What was fetched is a {description.architecture}, and {entry.name} should be a "
            f"{entry.architecture}; it was not made a bundle."
        )
