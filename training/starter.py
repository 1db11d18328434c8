"""The starter's bundle: its recognizer, calibrated on the people who were kept out of its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from models.assembly import Description
from models.calibration import fit_scores, pairwise
from training import pool
from training.bundle import BATCH, Crops, count_crops, write_bundle
from training.console import one_line, out, progress
from training.data.targets import Teacher
from training.teacher import open_teacher

SOURCES = ("CelebA", "LFW")  # in the order of `pool.starter_held_out`
HELD_OUT = Description(
    name="starter",
    version="0.2.0",
    architecture="ir_starter",
    loss="adaface + distillation",
    loss_constants={"margin": 0.4, "h": 0.333, "scale": 64.0},
    license="research and evaluation only, see MODEL_CARD.md",
    training_data=[
        "CelebA subset: crops of 5,559 people, without a tenth of them",
        "LFW subset: photographs of 1,468 people in no View 2 pair, without two fifths of them",
        "faces of 6,300 web photographs, unlabelled",
    ],
    calibration_data="people held out of training: a tenth of CelebA's, two fifths of LFW's",
    flip_fusion=True,
)


def gathered(
    held_out: Sequence[pool.Labelled],
) -> tuple[Crops, NDArray[np.str_], NDArray[np.str_]]:
    """(n, 112, 112, 3) uint8 RGB crops, and the person and the source of each.

    `held_out` has one of each of `SOURCES`; the same name in two of them is two people. Raises
    ValueError where there is nobody.
    """
    images, persons, sources = [], [], []
    for source, labelled in zip(SOURCES, held_out, strict=True):
        for image, label in labelled:
            images.append(image)
            persons.append(f"{source}/{label}")
            sources.append(source)
    if not images:
        raise ValueError("The data have none of the people who are held out of training.")
    return np.stack(images), np.array(persons), np.array(sources)


def mislabelled(
    embeddings: NDArray[np.float32], persons: NDArray[np.str_], sources: NDArray[np.str_]
) -> NDArray[np.bool_]:
    """Which of n images lie in the wrong person's folder, by another network's unit embeddings.

    Of persons with four images and more: those whose median similarity to the person's others is a
    stranger's (below FMR 1e-2) and which match another person (above FMR 1e-4). Of the 2,275
    held-out crops these are 16, nearly all at 0.1 and less to their own and above 0.8 to the
    other. Left in, they alone set the threshold of FMR 1e-5. The recognizer that is calibrated
    must not be asked itself: it would excuse its own errors.
    """
    fitted = fit_scores(*pairwise(embeddings, persons, sources), data="another network")
    same = persons[:, None] == persons[None, :]
    similarity = (embeddings @ embeddings.T).astype(np.float64)
    other = np.where(same, -1.0, similarity).max(axis=1)
    np.fill_diagonal(same, val=False)
    own = np.array([_median(row[mine]) for row, mine in zip(similarity, same, strict=True)])
    return np.asarray((own < fitted.threshold(1e-2)) & (other >= fitted.threshold(1e-4)))


def _median(similarities: NDArray[np.float64]) -> float:
    """1 where too few images are there to say that one does not belong to them."""
    return float(np.median(similarities)) if len(similarities) >= 3 else 1.0


def _asked(teacher: Teacher, crops: Crops) -> NDArray[np.float32]:
    batches = [teacher(crops[start : start + BATCH]) for start in range(0, len(crops), BATCH)]
    return np.concatenate(batches)


def main(
    data: Annotated[Path, typer.Option(help="The starter's data.")],
    run: Annotated[Path, typer.Option(help="Folder of recognizer.onnx, which gets the bundle.")],
    detector: Annotated[Path | None, typer.Option(help="Default: the committed starter's.")] = None,
) -> None:
    """Write the starter's bundle; its crops are aligned already, so no detector is asked."""
    with one_line():
        crops, persons, sources = gathered(pool.starter_held_out(data))
        teacher = open_teacher(data / "teachers/recognizer.npz")
        right = ~mislabelled(_asked(teacher, crops), persons, sources)
        out.print(f"{len(right) - right.sum()} of {len(right)} crops lie in the wrong folder")
        crops, persons, sources = crops[right], persons[right], sources[right]
        with progress("calibrating", count_crops(len(crops))) as advance:
            bundle = write_bundle(
                run / "recognizer.onnx", detector, run / "bundle", HELD_OUT, crops, persons,
                advance, sources=sources,
            )  # fmt: skip
    out.print(f"{bundle.directory}: {bundle.manifest.id}")


if __name__ == "__main__":
    typer.run(main)
