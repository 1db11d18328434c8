"""The best network on held-out people outlives every later snapshot, and is used where a recipe says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.test_train import ALONE, recipe
from training import best, snapshot
from training.backbones import Backbone
from training.config import Recipe
from training.importers.conversion import backbone_of
from training.run import Run

VALIDATED = (
    "validation.data.format=synthetic",
    "validation.data.first=8",
    "validation.choose=best",
)


def found(accuracy: float, tmr: float = 0.0) -> dict[str, float]:
    return {"accuracy": accuracy, "tmr_at_fmr_0.01": tmr, "blur_spearman": -0.5}


def changed(run: Run, step: int) -> Run:
    """As after some training."""
    run.step = step
    with torch.no_grad():
        run.trained.state_dict()["input_layer.0.weight"].fill_(step)
    return run


def first(backbone: Backbone) -> float:
    return float(backbone.state_dict()["input_layer.0.weight"][0, 0, 0, 0])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(recipe(tmp_path, *VALIDATED), 8, 32, ALONE)


def test_only_a_better_network_takes_the_place(tmp_path: Path, run: Run) -> None:
    for step, measured in [
        (4, found(0.8)),
        (8, found(0.7, 1.0)),
        (12, found(0.8)),
        (16, found(0.8, 0.1)),
    ]:
        best.keep(changed(run, step), measured, tmp_path)
        names = [path.name for path in tmp_path.iterdir() if path.is_dir()]
        assert names == [f"best-{16 if step == 16 else 4:09d}"]


def test_it_survives_the_snapshots_and_is_none_to_go_on_from(tmp_path: Path, run: Run) -> None:
    best.keep(changed(run, 4), found(0.8), tmp_path)
    for step in (5, 6, 7):
        changed(run, step).save(tmp_path, "data", keep=1)
    assert snapshot.steps(tmp_path) == [7]
    kept = best.latest(tmp_path)
    assert kept is not None
    imported = backbone_of(kept)
    assert (imported.architecture, imported.loss) == ("ir_starter", "adaface")
    assert first(imported.backbone) == 4


def test_a_recipe_says_which_network_its_bundle_gets(tmp_path: Path, run: Run) -> None:
    best.keep(changed(run, 4), found(0.8), tmp_path)
    changed(run, 9)
    assert first(best.network(run, tmp_path)) == 4
    last = Recipe.model_validate(run.recipe.model_dump() | {"validation": None})
    run.recipe = last
    assert first(best.network(run, tmp_path)) == 9


def test_the_best_of_another_recipe_does_not_count(tmp_path: Path, run: Run) -> None:
    best.keep(changed(run, 40), found(0.99), tmp_path)
    other = Run(recipe(tmp_path, *VALIDATED, "seed=1"), 8, 32, ALONE)
    best.keep(changed(other, 4), found(0.6), tmp_path)
    assert best.latest(tmp_path) == tmp_path / "best-000000004"
