"""TinyFace: rank-1/5/20 of low-resolution probes among matches and distractors.

    ROOT/tinyface/Testing_Set/gallery_match_img_ID_pairs.mat   gallery_set, gallery_ids
    ROOT/tinyface/Testing_Set/probe_img_ID_pairs.mat           probe_set, probe_ids
    ROOT/aligned_pad_0.1_pad_high/{Probe,Gallery_Match,Gallery_Distractor}/*.jpg

Numbers are only comparable on the aligned release of AdaFace's authors: with another alignment
rank-1 fell from 68 to 46 % (AdaFace issue 172).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.golden import Features
from models.identification import Searches, rank_rate, search
from training.evaluate.crops import Crop, listed, read_crop
from training.evaluate.errors import EvaluationError
from training.evaluate.measures import Measure, proportion

ALIGNED = "aligned_pad_0.1_pad_high"
RANKS = (1, 5, 20)
NOBODY = -1  # the identity of a distractor; no probe has it


@dataclass(frozen=True)
class TinyFace:
    """Crops in the order probes, matches, distractors, and the identities of the first two."""

    paths: list[Path]
    probes: NDArray[np.int64]
    matches: NDArray[np.int64]

    def read(self, index: int) -> Crop:
        return read_crop(self.paths[index])

    @property
    def distractors(self) -> int:
        return len(self.paths) - len(self.probes) - len(self.matches)


@dataclass(frozen=True, slots=True)
class TinyFaceReport:
    """Closed-set ranks: a probe counts at rank k if any of its k nearest images is of its person."""

    set: str
    probes: int
    matches: int
    distractors: int
    closed: list[Measure]

    def measures(self) -> list[Measure]:
        return self.closed


def read_tinyface(root: Path) -> TinyFace:
    """The protocol below `root`, by its .mat lists or, without them, by a folder per identity.

    Without lists, Probe/ID/* and Gallery_Match/ID/* directly below `root` name the identities.
    Raises EvaluationError with the file that is missing or wrong.
    """
    lists, aligned = root / "tinyface" / "Testing_Set", root / ALIGNED
    if lists.is_dir():
        probe_paths, probes = _mat(lists / "probe_img_ID_pairs.mat", "probe", aligned / "Probe")
        match_file = lists / "gallery_match_img_ID_pairs.mat"
        match_paths, matches = _mat(match_file, "gallery", aligned / "Gallery_Match")
    else:
        aligned = root
        probe_paths, probes = _folders(root / "Probe")
        match_paths, matches = _folders(root / "Gallery_Match")
    strangers = sorted(set(probes.tolist()) - set(matches.tolist()))
    if strangers:
        raise EvaluationError(f"{root}: no match in the gallery for identity {strangers[0]}.")
    distractors = listed(aligned / "Gallery_Distractor")
    return TinyFace([*probe_paths, *match_paths, *distractors], probes, matches)


def _mat(path: Path, kind: str, folder: Path) -> tuple[list[Path], NDArray[np.int64]]:
    """Names and identities of a MATLAB list; `kind` is the prefix of its two variables."""
    import scipy.io

    try:
        content = scipy.io.loadmat(str(path), squeeze_me=True, appendmat=False)
        names = [str(name) for name in np.atleast_1d(content[f"{kind}_set"])]
        ids = np.atleast_1d(content[f"{kind}_ids"]).astype(np.int64)
    except (OSError, ValueError, NotImplementedError, scipy.io.matlab.MatReadError) as error:
        raise EvaluationError(f"{path} is no MATLAB file that can be read: {error}.") from error
    except KeyError as error:
        raise EvaluationError(f"{path} has no variable {error}.") from error
    if len(names) != len(ids) or not len(ids):
        raise EvaluationError(f"{path} has {len(names)} images and {len(ids)} identities.")
    return [folder / name for name in names], ids


def _folders(folder: Path) -> tuple[list[Path], NDArray[np.int64]]:
    paths = listed(folder)
    if not paths:
        raise EvaluationError(
            f"{folder} holds no images; expected TinyFace's tinyface/Testing_Set and {ALIGNED}, or "
            "Probe, Gallery_Match and Gallery_Distractor with a folder for each identity."
        )
    try:
        return paths, np.array([int(path.parent.name) for path in paths], np.int64)
    except ValueError as error:
        raise EvaluationError(f"{folder}: its folders must be named by number: {error}.") from error


def evaluate_tinyface(data: TinyFace, found: Features) -> tuple[TinyFaceReport, Searches]:
    """Every probe against matches and distractors; `found` in the order of `data.paths`."""
    vectors, probes = found.embeddings, len(data.probes)
    owners = np.concatenate([data.matches, np.full(data.distractors, NOBODY, np.int64)])
    searches = search(vectors[:probes], data.probes, vectors[probes:], owners)
    closed = [
        proportion(f"rank_{rank}", round(rank_rate(searches, rank) * probes), probes)
        for rank in RANKS
    ]
    return TinyFaceReport("tinyface", probes, len(data.matches), data.distractors, closed), searches
