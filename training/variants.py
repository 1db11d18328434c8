"""A bundle's recognizer made smaller, behind a gate, with calibration and golden vectors of its own."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from models import bundle as bundles
from models.assembly import Description, refuse_bundle_in
from models.bundle import Bundle, Manifest
from training.agreement import BARS, Agreement, Crops, Progress, agree, speed_ratio
from training.bundle import count_crops, write_bundle
from training.console import one_line, progress
from training.data.folder import Folder
from training.data.source import CorruptRecord
from training.parity import open_recognizer
from training.precision import Precision, to_fp16, to_int8

FEWEST_CROPS = 32
RANGED = 128  # crops that set INT8's ranges: more of them only find rarer extremes
COMPARED = 4000  # crops whose pairs are compared: 8 million of them


class VariantRefused(ValueError):
    """The variant answers too differently, or cannot be judged; the message has the numbers."""


class Report(NamedTuple):
    """The variant's bundle, and what was gained and lost."""

    bundle: Bundle
    agreement: Agreement
    base_bytes: int
    variant_bytes: int
    speed: float  # float32's time for one crop / the variant's, on this machine's CPU

    def __str__(self) -> str:
        bar = BARS["int8" if self.bundle.manifest.name.endswith("-int8") else "fp16"]
        return (
            f"{self.bundle.directory}: {self.bundle.manifest.id}\n{self.agreement.against(bar)}\n"
            f"{self.variant_bytes / 1e6:.1f} MB instead of {self.base_bytes / 1e6:.1f}, "
            f"{self.speed:.2f} times float32's speed on this CPU, one crop at a time"
        )


def make_variant(  # noqa: PLR0913 - a bundle, what to make of it, of which crops, and where
    bundle: Path,
    precision: Precision,
    crops: Crops,
    persons: NDArray[Any] | None,
    out: Path,
    progress: Progress = lambda _: None,
    *,
    data: str = "unknown",
) -> Report:
    """Makes the bundle `<name>-fp16` or `<name>-int8` in `out`, whole or not at all.

    `crops` (n, 112, 112, 3) uint8 RGB, n at least 32, show `persons` (n,), people the recognizer
    was not trained on; INT8's ranges come from up to 128 crops of some of them, and gate and
    calibration from the others. Without persons no pairs are compared, and the bundle is not
    calibrated: the original's thresholds and qualities mean nothing for other numbers. `data`
    names the crops. `progress` is called `count_steps` times' worth.

    Raises VariantRefused where the variant misses its bar, BundleError for a bundle that is not
    whole or an `out` that holds one, and CalibrationRefused as `write_bundle` does.
    """
    base = bundles.load(bundle)
    refuse_bundle_in(out)
    ranging, held = _split(len(crops), persons, precision)
    whom = None if persons is None else persons[held]
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        made = Path(folder) / bundles.RECOGNIZER
        if precision == "fp16":
            to_fp16(base.recognizer, made)
        else:
            to_int8(base.recognizer, made, crops[ranging], progress)
        agreement, speed = _judged(base, made, precision, crops[held], whom, progress)
        description = _described(base.manifest, precision, data)
        card = _card(base, precision, agreement, Path(folder))
        calibrating = None if whom is None else crops[held]
        whole = write_bundle(
            made, base.detector, Path(folder) / "bundle", description, calibrating, whom, progress,
            card=card,
        )  # fmt: skip
        _complete(whole, base, agreement)
        whole.directory.replace(out)
    kept = bundles.load(out)
    sizes = (base.recognizer.stat().st_size, kept.recognizer.stat().st_size)
    return Report(kept, agreement, sizes[0], sizes[1], speed)


def _judged(  # noqa: PLR0913 - two recognizers, their bar, and what they are asked
    base: Bundle,
    made: Path,
    precision: Precision,
    held: Crops,
    persons: NDArray[Any] | None,
    progress: Progress,
) -> tuple[Agreement, float]:
    """The agreement on up to 4,000 crops, and the ratio of speeds. Raises VariantRefused."""
    original, variant = open_recognizer(base.recognizer), open_recognizer(made)
    chosen = None if persons is None else persons[:COMPARED]
    agreement = agree(original, variant, held[:COMPARED], chosen, progress)
    if not agreement.holds(BARS[precision]):
        numbers = agreement.against(BARS[precision])
        raise VariantRefused(
            f"The {precision} variant of {base.manifest.id} is refused: {numbers}."
        )
    return agreement, speed_ratio(original, variant, held[:1])


def count_steps(crops: int, precision: Precision, *, persons: bool) -> int:
    """About how often `make_variant` embeds a crop, for a progress bar."""
    ranging = _ranging(crops, precision)
    held = crops - ranging
    return ranging + 2 * min(held, COMPARED) + (count_crops(held) if persons else 0)


def _ranging(crops: int, precision: Precision) -> int:
    return 0 if precision == "fp16" else min(RANGED, crops // 4)


def _split(
    count: int, persons: NDArray[Any] | None, precision: Precision
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices for INT8's ranges and for everything else, nobody being in both; in random order."""
    if count < FEWEST_CROPS or (persons is not None and len(persons) != count):
        raise VariantRefused(
            f"{count} crops are too few to judge a variant by, or do not match their persons; "
            f"at least {FEWEST_CROPS} are needed, with one person each."
        )
    random = np.random.default_rng(0)
    whom = np.arange(count) if persons is None else np.unique(persons, return_inverse=True)[1]
    rank = random.permutation(int(whom.max()) + 1)[whom]
    order = np.argsort(rank, kind="stable")
    wanted = _ranging(count, precision)
    last = rank[order[wanted - 1]] if wanted else -1
    held = random.permutation(order[rank[order] > last])
    if not len(held):
        raise VariantRefused("All crops show one person; INT8's ranges need crops of others.")
    return order[:wanted], held


def _described(base: Manifest, precision: Precision, data: str) -> Description:
    return Description(
        name=f"{base.name}-{precision}",
        version=base.version,
        architecture=base.architecture,
        loss=base.loss.name,
        loss_constants=base.loss.constants,
        license=base.license,
        training_data=base.training_data,
        calibration_data=data,
        flip_fusion=base.flip_fusion,
        parameters=base.parameters,
    )


def _card(base: Bundle, precision: Precision, agreement: Agreement, folder: Path) -> Path | None:
    """The original's card, whose license and limits hold, under what was measured on the variant."""
    original = base.directory / bundles.CARD
    if not original.exists():
        return None
    card = folder / bundles.CARD
    card.write_text(
        f"# {base.manifest.name}-{precision}\n\n"
        f"The {precision} variant of `{base.manifest.id}`, with calibration and golden vectors of "
        f"its own in `bundle.json`. Measured: {agreement.against(BARS[precision])}.\n\n"
        "What follows is the original's card; its measurements are those of float32.\n\n"
        + original.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    return card


def _complete(whole: Bundle, base: Bundle, agreement: Agreement) -> None:
    """Adds what was measured, and the detector's settings, which are the original's."""
    kept = {"detector": base.manifest.detector, "metrics": agreement.metrics()}
    bundles.write(whole.directory, whole.manifest.model_copy(update=kept))


def variant(
    bundle: Annotated[Path, typer.Argument(help="Directory of the bundle to make smaller.")],
    precision: Annotated[Precision, typer.Argument(help="fp16 is for GPUs, int8 for CPUs.")],
    crops_folder: Annotated[
        Path,
        typer.Argument(
            help="Aligned 112x112 crops, one folder per person, of people the recognizer was not "
            "trained on."
        ),
    ],
    output: Annotated[Path, typer.Argument(help="Directory of the new bundle.")],
) -> None:
    """Make a bundle's fp16 or INT8 variant; refused where it answers too differently."""
    with one_line():
        crops, persons = _read(crops_folder)
        steps = count_steps(len(crops), precision, persons=True)
        data = f"{len(crops):,} crops of {len(np.unique(persons)):,} people in {crops_folder.name}"
        with progress(precision, steps) as advance:
            report = make_variant(bundle, precision, crops, persons, output, advance, data=data)
    typer.echo(str(report))


def _read(root: Path) -> tuple[Crops, NDArray[np.int64]]:
    """Every readable crop below `root` and its person. Raises ValueError where there is none."""
    with TemporaryDirectory() as scratch:  # the folder may be read-only, and is not ours
        source = Folder(root, manifest=Path(scratch) / "manifest.tsv")
    examples = []
    for index in range(len(source)):
        try:
            examples.append(source.read(index))
        except CorruptRecord as record:
            typer.echo(f"adaface: left out: {record}", err=True)
    return (
        np.stack([example.image for example in examples]),
        np.array([example.label for example in examples], dtype=np.int64),
    )
