"""Features in batches; what is kept between runs is whole, right and of the same model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.evaluate.faces import Lookup, crop, nothing
from training.evaluate import features as module
from training.evaluate.errors import EvaluationError
from training.evaluate.features import Cache, all_features, features

RAW = np.random.default_rng(0).normal(size=(50, 6))


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD", 16)
    monkeypatch.setattr(module, "BATCH", 5)


def vectors(embed: Lookup, cache: Cache | None, count: int = 50) -> np.ndarray:
    parts = features(embed, crop, count, progress=nothing, cache=cache)
    return np.concatenate([found.embeddings for _, found in parts])


def test_features_come_in_order_and_are_counted() -> None:
    embed, steps = Lookup(RAW), []
    found = all_features(embed, crop, 50, progress=steps.append)
    assert (found.embeddings == embed.vectors).all()
    assert (found.norms == embed.norms).all()
    assert sum(steps) == 50


def test_a_second_run_embeds_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "a model and its data")
    first = vectors(Lookup(RAW), cache)
    embed = Lookup(RAW)
    assert (vectors(embed, cache) == first).all()
    assert embed.asked == 0


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "key")

    def read(index: int) -> np.ndarray:
        if index == 40:
            raise EvaluationError("killed")
        return crop(index)

    with pytest.raises(EvaluationError):
        list(features(Lookup(RAW), read, 50, progress=nothing, cache=cache))
    embed = Lookup(RAW)
    assert (vectors(embed, cache) == embed.vectors).all()
    assert embed.asked == 50 - 32
    assert not list(tmp_path.rglob("*.partial"))


def test_another_model_does_not_get_the_features_of_the_first(tmp_path: Path) -> None:
    vectors(Lookup(RAW), Cache(tmp_path, "one"))
    other = Lookup(-RAW)
    assert (vectors(other, Cache(tmp_path, "other")) == other.vectors).all()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut off"])
def test_a_damaged_shard_is_computed_again(tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path, "key")
    vectors(Lookup(RAW), cache)
    cache.file(16).write_bytes(damage)
    embed = Lookup(RAW)
    assert (vectors(embed, cache) == embed.vectors).all()
    assert embed.asked == 16
