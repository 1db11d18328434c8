"""What a student learns from is made once, wherever the run's folder is to be."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.progress import Progress

from training import pool
from training.data.synthetic import Synthetic

STARTER = Path(__file__).parents[2] / "models" / "starter"


def test_a_bundle_teaches_from_crops_into_a_folder_that_is_new(tmp_path: Path) -> None:
    people = Synthetic(2, 2)
    for index in range(4):
        example = people.read(index)
        path = tmp_path / "crops" / str(example.label) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), example.image[:, :, ::-1])
    out = tmp_path / "runs" / "small"
    crops, words = pool.prepare(
        pool.aligned(tmp_path / "crops"), STARTER, out, 4, 0, Progress(disable=True)
    )
    assert crops.labels.tolist() == [0, 0, 1, 1]
    assert np.allclose(np.linalg.norm(words.embeddings, axis=1), 1, atol=1e-5)
    assert (out / pool.CACHE).exists()
    other = tmp_path / "other"
    shutil.copytree(STARTER, other)
    (other / "MODEL_CARD.md").write_text("another\n")
    with pytest.raises(ValueError, match="another teacher"):
        pool.prepare([], other, out, 4, 0, Progress(disable=True))
