"""IJB and TinyFace in their true layouts, with vectors a test controls."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from models.alignment import TEMPLATE
from tests.training.evaluate.faces import png, write


@dataclass
class World:
    """Subjects with templates of several media; subjects 0-5 in G1, 6-11 in G2, two in neither."""

    seed: int = 0
    subjects: int = 14
    prefix: str = "ijbc"
    images: list[tuple[int, int]] = field(default_factory=list)  # template, media
    subject_of: dict[int, int] = field(default_factory=dict)
    galleries: dict[str, list[int]] = field(default_factory=dict)
    probes: list[int] = field(default_factory=list)
    pairs: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        parts = ("G1", "G2") if self.prefix == "ijbc" else ("S1", "S2")
        self.galleries = {part: [] for part in parts}
        for subject in range(self.subjects):
            if subject < 12:
                self.galleries[parts[subject // 6]].append(self.template(subject, rng))
            self.probes += [self.template(subject, rng) for _ in range(3)]
        enrolled = [t for part in self.galleries.values() for t in part]
        self.pairs = [
            (a, b, int(self.subject_of[a] == self.subject_of[b]))
            for a in enrolled
            for b in self.probes
        ]
        self.faceness = rng.uniform(0.3, 1, len(self.images))
        centers = rng.normal(size=(self.subjects, 8))
        of = [self.subject_of[template] for template, _ in self.images]
        self.raw = centers[of] * 0.8 + rng.normal(size=(len(of), 8))

    def template(self, subject: int, rng: np.random.Generator) -> int:
        """A template of two media, the first of which has several images, not listed together."""
        template = 10 + 7 * len(self.subject_of)
        self.subject_of[template] = subject
        media = [5, 3, *([5] * int(rng.integers(0, 3)))]
        self.images += [(template, 100 * template + each) for each in media]
        return template

    def write(self, root: Path) -> Path:
        meta = root / "meta"
        meta.mkdir(parents=True)
        (root / "loose_crop").mkdir()
        members, points = [], []
        for index, (template, media) in enumerate(self.images):
            (root / "loose_crop" / f"{index + 1}.jpg").write_bytes(png(index))
            members.append(f"{index + 1}.jpg {template} {media}")
            landmarks = " ".join(f"{value:.4f}" for value in TEMPLATE.reshape(-1))
            points.append(f"{index + 1}.jpg {landmarks} {self.faceness[index]:.6f}")
        name = self.prefix
        (meta / f"{name}_face_tid_mid.txt").write_text("\n".join(members) + "\n")
        (meta / f"{name}_name_5pts_score.txt").write_text("\n".join(points) + "\n")
        lines = [f"{a} {b} {same}" for a, b, same in self.pairs]
        (meta / f"{name}_template_pair_label.txt").write_text("\n".join(lines) + "\n")
        for part, templates in self.galleries.items():
            self.csv(meta / f"{name}_1N_gallery_{part}.csv", templates)
        self.csv(meta / f"{name}_1N_probe_mixed.csv", self.probes)
        return root

    def csv(self, path: Path, templates: list[int]) -> None:
        """A line for each image of a template, as NIST's files have it."""
        rows = ["TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID"]
        for template in templates:
            subject = self.subject_of[template]
            rows += [f'{template},{1000 + subject},"img/1.jpg",{n}' for n in range(2)]
        path.write_text("\n".join(rows) + "\n")

    def vector(self, template: int, *, norm: bool = True, detector: bool = False) -> NDArray:
        """The template by the definition, one image at a time."""
        media: dict[int, list[NDArray]] = {}
        for index, (owner, medium) in enumerate(self.images):
            if owner == template:
                raw = self.raw[index]
                raw = raw if norm else raw / np.linalg.norm(raw)
                raw = raw * round(self.faceness[index], 6) if detector else raw
                media.setdefault(medium, []).append(raw)
        total = sum(np.mean(each, axis=0) for each in media.values())
        return total / np.linalg.norm(total)

    def lists(self, gallery: list[int]) -> list[tuple[float | None, float, list[bool]]]:
        """For each probe: the mate's similarity or None, the best other, mates in ranked order."""
        vectors, found = {t: self.vector(t) for t in (*self.probes, *gallery)}, []
        for probe in self.probes:
            scored = ((float(vectors[probe] @ vectors[t]), self.same(probe, t)) for t in gallery)
            ranked = sorted(scored, reverse=True)
            mate = [s for s, same in ranked if same]
            other = [s for s, same in ranked if not same]
            hits = [same for _, same in ranked]
            found.append((mate[0] if mate else None, other[0] if other else -1.0, hits))
        return found

    def same(self, a: int, b: int) -> bool:
        return self.subject_of[a] == self.subject_of[b]


def tinyface_tree(root: Path, *, lists: bool) -> tuple[NDArray, NDArray, NDArray]:
    """30 probes, 40 matches of 15 identities, 60 distractors; codes in that order."""
    rng = np.random.default_rng(1)
    probes, matches = np.arange(30) % 15, np.concatenate([np.arange(15), rng.integers(0, 15, 25)])
    centers = rng.normal(size=(15, 8))
    raw = np.concatenate(
        [centers[probes], centers[matches], rng.normal(size=(60, 8))]
    ) * 0.7 + rng.normal(size=(130, 8))
    aligned = root / "aligned_pad_0.1_pad_high" if lists else root
    names: dict[str, list[str]] = {"Probe": [], "Gallery_Match": []}
    for code, (kind, identity) in enumerate(
        [("Probe", each) for each in probes] + [("Gallery_Match", each) for each in matches]
    ):
        name = f"{identity}_{code:03d}.jpg"
        names[kind].append(name)
        write(aligned / kind / ("" if lists else str(identity)) / name, code)
    for code in range(70, 130):
        write(aligned / "Gallery_Distractor" / f"{code:03d}.jpg", code)
    if lists:
        save_lists(root / "tinyface/Testing_Set", names, probes, matches)
    return raw, probes, matches


def save_lists(
    folder: Path, names: dict[str, list[str]], probes: NDArray, matches: NDArray
) -> None:
    """As MATLAB wrote the originals: a cell of names and a column of numbers."""
    folder.mkdir(parents=True)
    for file, kind, listed, ids in (
        ("probe_img_ID_pairs.mat", "probe", names["Probe"], probes),
        ("gallery_match_img_ID_pairs.mat", "gallery", names["Gallery_Match"], matches),
    ):
        cells = np.array([[name] for name in listed], dtype=object)
        savemat(folder / file, {f"{kind}_set": cells, f"{kind}_ids": ids.reshape(-1, 1)})
