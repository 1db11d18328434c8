"""Whether the starter's answers can be defended: `make accuracy`.

Measures the bundle on lfw_dev, writes docs/accuracy.md and its plots, and ends with one line of
figures; the exit status is 1 where a bar is missed.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from service import photographs
from service.cli.console import one_line, progress
from service.errors import BundleRefused
from service.evaluate.plots import plots
from service.evaluate.report import count_images, evaluate
from service.evaluate.sample import Sample, read_sample
from service.photographs import Photograph
from service.runtime import Networks, open_networks, open_pipeline
from service.settings import STARTER, Settings
from tests.accuracy import page, turned
from tests.accuracy.judged import judged
from tests.accuracy.served import ask
from tests.bench.bars import Bar, line

ROOT = Path(__file__).resolve().parents[2]
DATA = "LFW View 2 folds 1-3 (2,320 photographs)"  # as the bundle names them if calibrated there


def main(
    images: Annotated[Path, typer.Option(help="lfw_dev/images.")],
    bundle: Annotated[Path, typer.Option(help="Bundle to judge.")] = STARTER,
    out: Annotated[Path, typer.Option(help="Where the page and its plots go.")] = ROOT / "docs",
    again: Annotated[bool, typer.Option(help="Only write the page anew, of the report.")] = False,
) -> None:
    """Measures, writes the page, prints the figures."""
    kept = out / page.PLOTS / "report.json"
    if again:
        held = json.loads(kept.read_text())
        document, bars = held["report"], [Bar.model_validate(bar) for bar in held["bars"]]
    else:
        with one_line():
            document, bars = _measured(images, bundle)
    kept.parent.mkdir(parents=True, exist_ok=True)
    text = {"report": document, "bars": [bar.model_dump(mode="json") for bar in bars]}
    kept.write_text(json.dumps(text, indent=1) + "\n")
    for name, drawn in plots(document).items():
        (kept.parent / f"{name}.svg").write_text(drawn)
    (out / "accuracy.md").write_text(page.page(document, bars))
    print("accuracy:" + line(bars).removeprefix("bench:"))  # noqa: T201 - the result
    raise typer.Exit(any(bar.verdict == "missed" for bar in bars))


def _measured(images: Path, bundle: Path) -> tuple[dict[str, Any], list[Bar]]:
    listed = photographs.folder(images)
    with tempfile.TemporaryDirectory(prefix="accuracy-") as scratch:
        settings = Settings(bundle=bundle, data_dir=Path(scratch) / "data")
        networks = open_networks(settings)
        sample = _read(settings, networks, listed)
        report = evaluate(
            networks.bundle, sample, lambda faces: networks.recognizer(faces).norms, data=DATA
        )
        made = [turned.turned_manifest, turned.turned_network, turned.copied_calibration]
        refused = sum(
            _refused(settings, make(bundle, Path(scratch) / make.__name__)) for make in made
        )
    document = json.loads(json.dumps(report.document()))
    return document, judged(document, ask(bundle, listed), refused, len(made))


def _read(settings: Settings, networks: Networks, listed: list[Photograph]) -> Sample:
    quality = networks.bundle.manifest.quality

    async def run() -> Sample:
        parts = (networks.detector, networks.recognizer, quality)
        async with open_pipeline(settings, *parts) as pipeline:
            return await read_sample(pipeline, listed, advance)

    with progress("reading photographs", count_images(len(listed))) as advance:
        return asyncio.run(run())


def _refused(settings: Settings, bundle: Path) -> bool:
    """Whether the service would not start with it, for its norm."""
    try:
        open_networks(settings.model_copy(update={"bundle": bundle}))
    except BundleRefused:
        return True
    return False


if __name__ == "__main__":
    typer.run(main)
