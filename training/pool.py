"""What a student learns from: crops of many sources, with a teacher's word on each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.progress import Progress

from models.bundle import sha256
from training.data import crops, targets
from training.data.crops import Crops, Image
from training.data.folder import Folder
from training.data.hold_out import kept
from training.data.source import CorruptRecord
from training.data.targets import Targets
from training.teacher import open_teacher

CACHE, TEACHER = "pool.npz", "teacher.sha256"
Labelled = Iterator[tuple[Image, str | None]]


def prepare(  # noqa: PLR0913 - what is asked, of whom, and where it is kept
    sources: list[Labelled], teacher: Path, out: Path, mixtures: int, seed: int, progress: Progress
) -> tuple[Crops, Targets]:
    """The crops of `sources` with the teacher's embeddings, from the cache in `out` if it is there.

    All of it is held in memory, 38 kB a crop: half a million crops need 20 GB. Raises ValueError
    where the cache holds the words of another teacher.
    """
    cache, teacher_is = out / CACHE, _digest(teacher)
    if not cache.exists():
        out.mkdir(parents=True, exist_ok=True)  # what cannot be written is said before the asking
        pool = crops.gather(*sources)
        task = progress.add_task("teacher", total=len(pool) + mixtures)
        words = targets.ask(
            open_teacher(teacher),
            pool,
            mixtures,
            seed=seed,
            progress=lambda done: progress.advance(task, done),
        )
        targets.save(cache, pool, words)
        (out / TEACHER).write_text(teacher_is + "\n")
    known = (out / TEACHER).read_text().strip() if (out / TEACHER).exists() else teacher_is
    if known != teacher_is:
        raise ValueError(f"{cache} holds the words of another teacher; choose another --out.")
    return targets.load(cache)


def _digest(teacher: Path) -> str:
    """What tells one teacher from another: the sums of its files."""
    files = sorted(teacher.rglob("*")) if teacher.is_dir() else [teacher]
    sums = [f"{path.name} {sha256(path)}" for path in files if path.is_file()]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()


# Of LFW, which has most people once, for the impostors; of CelebA those who were photographed often.
LFW_HELD_OUT, CELEB_HELD_OUT = 0.4, 0.1


def starter(data: Path) -> list[Labelled]:
    """Aligned crops, portraits and unlabelled scenes, without the people who are held out."""
    celebs, portraits = _starter_people(data, held_out=False)
    return [celebs, portraits, crops.from_scenes(data, data / "scenes.json")]


def starter_held_out(data: Path) -> list[Labelled]:
    """Crops of the people whom the starter never saw, which is whom it is calibrated on."""
    return list(_starter_people(data, held_out=True))


def _starter_people(data: Path, *, held_out: bool) -> tuple[Labelled, Labelled]:
    celebs = crops.from_folder(data / "recognition")
    portraits = crops.from_photographs(data / "lfw_train", data / "teachers/detector.onnx")
    return (
        kept(celebs, CELEB_HELD_OUT, held_out=held_out),
        kept(portraits, LFW_HELD_OUT, held_out=held_out),
    )


def aligned(root: Path) -> list[Labelled]:
    """A folder of aligned 112x112 crops, one folder per person; corrupt ones are left out."""
    return [_read(Folder(root))]


def _read(folder: Folder) -> Labelled:
    for index in range(len(folder)):
        try:
            example = folder.read(index)
        except CorruptRecord:
            continue
        yield np.asarray(example.image, np.uint8), str(example.label)
