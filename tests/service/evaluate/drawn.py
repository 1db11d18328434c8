"""Faces that were never photographed: features around one center per person, worse ones turned away."""

from __future__ import annotations

import numpy as np

from service.evaluate.sample import Faces, Sample

KINDS = ("blur", "jpeg", "low_resolution", "noise")


def faces(level: np.ndarray, *, people: int, images: int, seed: int = 0) -> Faces:
    """`level` (n,) of degradation turns vectors away, shortens norms, and leaves sizes alone."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), images)
    centers = np.random.default_rng(9).normal(size=(people, 24))
    spread = 0.4 + 1.6 * level[:, None]
    vectors = centers[person] + spread * random.normal(size=(len(person), 24))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    norm = 20 - 8 * level + random.normal(0, 0.5, len(person))
    return Faces(
        person=person,
        image=np.arange(len(person)),
        embedding=vectors.astype(np.float32),
        norm=norm,
        quality=np.clip(10 * (norm - 11), 0, 100),
        sharpness=np.clip(random.uniform(size=len(person)) - 0.2 * level, 0, 1),
        size=random.uniform(80, 120, len(person)),
    )


def sample(people: int = 150, images: int = 4) -> Sample:
    count = people * images
    random = np.random.default_rng(1)
    levels = random.uniform(size=count)
    return Sample(
        names=tuple(f"p{n}" for n in range(people)),
        photographs=count + 3,
        clean=faces(np.zeros(count), people=people, images=images),
        worse=faces(levels, people=people, images=images, seed=2),
        kinds=tuple(KINDS[n % 4] for n in range(count)),
        levels=levels,
    )
