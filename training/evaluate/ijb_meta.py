"""The files of IJB-B and IJB-C in insightface's preparation, read and checked.

    root/meta/ijbc_face_tid_mid.txt          image template media
    root/meta/ijbc_name_5pts_score.txt       image x1 y1 ... x5 y5 face-ness
    root/meta/ijbc_template_pair_label.txt   template template 0|1
    root/meta/ijbc_1N_gallery_G1.csv, _G2.csv, ijbc_1N_probe_mixed.csv   TEMPLATE_ID,SUBJECT_ID,...
    root/loose_crop/IMAGE

IJB-B has ijbb_ for ijbc_ and its galleries are S1 and S2. Both come from NIST on request.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.alignment import DegenerateLandmarks, align
from training.evaluate.crops import Crop, read_image
from training.evaluate.errors import EvaluationError

GALLERIES = {"ijbb": ("S1", "S2"), "ijbc": ("G1", "G2")}


@dataclass(frozen=True)
class Faces:
    """n images: their names, template and media (n,), landmarks (n, 5, 2), face-ness (n,)."""

    images: Path
    names: list[str]
    template: NDArray[np.int64]
    media: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]

    def read(self, index: int) -> Crop:
        """The aligned crop of an image; EvaluationError where it cannot be read or aligned."""
        path = self.images / self.names[index]
        try:
            return align(read_image(path), self.landmarks[index])
        except DegenerateLandmarks as error:
            raise EvaluationError(f"{path}: {error}") from error


@dataclass(frozen=True)
class Pairs:
    """Templates to compare, (P,) each, and whether they show the same person."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    same: NDArray[np.bool_]
    path: Path


@dataclass(frozen=True)
class Enrolled:
    """The templates of a gallery or probe list, each once, and their subjects, (t,) each."""

    name: str
    templates: NDArray[np.int64]
    subjects: NDArray[np.int64]
    path: Path


@dataclass(frozen=True)
class Ijb:
    """All that one of the two data sets lists."""

    name: str
    faces: Faces
    pairs: Pairs
    galleries: list[Enrolled]
    probes: Enrolled


def read_ijb(root: Path) -> Ijb:
    """Every meta file below `root`; EvaluationError with the first that is missing or wrong."""
    name = _subset(root)
    faces, pairs = _read_faces(root, name), _read_pairs(root, name)
    return Ijb(name, faces, pairs, _read_galleries(root, name), _read_probes(root, name))


def _subset(root: Path) -> str:
    """'ijbb' or 'ijbc', by the files in root/meta; EvaluationError where neither is there."""
    found = [name for name in GALLERIES if (root / "meta" / f"{name}_face_tid_mid.txt").is_file()]
    if len(found) != 1:
        raise EvaluationError(
            f"{root / 'meta'} must hold either ijbb_face_tid_mid.txt or ijbc_face_tid_mid.txt "
            "with the other meta files of insightface's IJB release."
        )
    return found[0]


def _read_faces(root: Path, name: str) -> Faces:
    """The images, with their landmarks. Raises EvaluationError with the line that is wrong."""
    members = _rows(root / "meta" / f"{name}_face_tid_mid.txt", 3)
    points_file = root / "meta" / f"{name}_name_5pts_score.txt"
    points = _rows(points_file, 12)
    for line, (member, point) in enumerate(zip(members, points, strict=False), start=1):
        if member[0] != point[0]:
            raise EvaluationError(
                f"{points_file} line {line} is about {point[0]}, the list of templates about "
                f"{member[0]}; both files must list the same images in the same order."
            )
    if len(members) != len(points):
        raise EvaluationError(f"{points_file} has {len(points)} lines, not {len(members)}.")
    try:
        values = np.array([row[1:] for row in points], dtype=np.float32)
        ids = np.array([row[1:] for row in members], dtype=np.int64)
    except ValueError as error:
        raise EvaluationError(f"{points_file} or the list of templates: {error}.") from error
    names = [row[0] for row in members]
    landmarks = values[:, :10].reshape(-1, 5, 2)
    return Faces(root / "loose_crop", names, ids[:, 0], ids[:, 1], landmarks, values[:, 10])


def _rows(path: Path, columns: int) -> list[list[str]]:
    try:
        rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}.") from error
    for line, row in enumerate(rows, start=1):
        if len(row) != columns:
            raise EvaluationError(f"{path} line {line} has {len(row)} columns, not {columns}.")
    if not rows:
        raise EvaluationError(f"{path} is empty.")
    return rows


def _read_pairs(root: Path, name: str) -> Pairs:
    """The 1:1 list: 15.6 million lines for IJB-C, so it is read in one go."""
    path = root / "meta" / f"{name}_template_pair_label.txt"
    try:
        rows = np.loadtxt(path, dtype=np.int32, comments=None, ndmin=2)
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}.") from error
    if rows.shape[1] != 3 or not np.isin(rows[:, 2], (0, 1)).all() or len(set(rows[:, 2])) < 2:
        raise EvaluationError(f"{path} must hold lines 'template template 0|1', some of each.")
    ids = rows.astype(np.int64)
    return Pairs(ids[:, 0], ids[:, 1], rows[:, 2] == 1, path)


def _read_galleries(root: Path, name: str) -> list[Enrolled]:
    return [_enrolled(root, f"{name}_1N_gallery_{part}.csv", part) for part in GALLERIES[name]]


def _read_probes(root: Path, name: str) -> Enrolled:
    return _enrolled(root, f"{name}_1N_probe_mixed.csv", "probes")


def _enrolled(root: Path, file: str, name: str) -> Enrolled:
    """Template and subject of each line, the first two columns; a template may fill many lines."""
    path = root / "meta" / file
    try:
        with path.open(newline="") as lines:
            rows = [(int(row[0]), int(row[1])) for row in list(csv.reader(lines))[1:] if row]
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, IndexError, csv.Error) as error:
        raise EvaluationError(
            f"{path} must begin each line after the first with two numbers, the template and its "
            f"subject: {error}."
        ) from error
    if not rows:
        raise EvaluationError(f"{path} lists no template.")
    subject_of = dict(rows)
    if any(subject_of[template] != subject for template, subject in rows):
        raise EvaluationError(f"{path} gives a template two subjects.")
    templates = np.array(sorted(subject_of), np.int64)
    return Enrolled(name, templates, np.array([subject_of[t] for t in sorted(subject_of)]), path)
