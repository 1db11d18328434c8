"""A recipe says everything, and says it in a way that cannot silently be another run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import config
from training.backbones import ARCHITECTURES
from training.config import RecipeError, load

IMAGES = 4_235_242


@pytest.mark.parametrize("name", config.names())
def test_every_recipe_that_comes_along_can_be_run(name: str) -> None:
    recipe = load(name)
    assert recipe.name == name
    assert recipe.architecture in ARCHITECTURES
    assert recipe.training_data


@pytest.mark.parametrize("name", [n for n in config.names() if n.startswith("ir")])
def test_a_published_recipe_keeps_the_loss_of_the_paper(name: str) -> None:
    assert load(name).loss.constants == {"margin": 0.4, "h": 0.333, "scale": 64, "momentum": 0.01}


def test_the_headline_recipe_carries_the_numbers_of_the_paper() -> None:
    recipe = load("ir101_webface4m")
    assert recipe.expected["hq_average"] == 97.51
    assert recipe.expected["ijbc_tar_1e-4"] == 97.39
    assert (recipe.epochs, recipe.batch, recipe.optimizer.lr) == (26, 512, 0.1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("loss.h=0", "cosface"),
        ("loss.momentum=1", "loss.momentum"),
        ("optimiser.lr=1", "optimiser"),
        ("optimizer.learning_rate=1", "optimizer.learning_rate"),
        ('data.color="grb"', "'rgb' or 'bgr'"),
        ("batch=1", "batch"),
        ("optimizer.lr=nan", "optimizer.lr"),
        ("nonsense", "name=value"),
        ("=3", "name=value"),
        ("name.first=1", "no section"),
    ],
)
def test_a_change_that_cannot_be_meant_is_refused_by_name(change: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load("smoke", [change])


def test_a_change_is_a_number_where_it_is_one_and_text_where_not() -> None:
    recipe = load("smoke", ["optimizer.lr=0.05", "data.path=faces/train", "loss.name=cosface"])
    assert (recipe.optimizer.lr, recipe.data.path) == (0.05, "faces/train")
    assert recipe.loss.name == "cosface"


def test_h_of_nothing_is_fine_for_a_loss_that_has_none() -> None:
    assert load("smoke", ["loss.name=cosface", "loss.h=0"]).loss.constants == {
        "margin": 0.4,
        "scale": 32.0,
    }


def test_a_recipe_may_be_any_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\narchitecture = "ir_18"\nepochs = 1\nbatch = 8\n[data]\nformat = "folder"\n'
    )
    assert load(str(path)).name == "mine"
    path.write_text("name = ")
    with pytest.raises(RecipeError, match="TOML"):
        load(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="no recipe"):
        load(str(path))


def test_a_name_nobody_knows_is_answered_with_those_there_are() -> None:
    with pytest.raises(RecipeError, match="ir101_webface4m"):
        load("ir1O1")


def test_two_recipes_that_differ_have_two_fingerprints() -> None:
    assert load("smoke").fingerprint == load("smoke").fingerprint
    assert load("smoke").fingerprint != load("smoke", ["seed=1"]).fingerprint


def test_the_paper_rate_falls_at_its_milestones() -> None:
    recipe = load("ir101_webface4m")
    epoch = IMAGES / recipe.batch
    rates = [recipe.rate(int(at * epoch) + 1, IMAGES) for at in (0, 11.9, 12, 20, 24, 25.9)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.001, 1e-4, 1e-4])


@given(
    schedule=st.sampled_from(["steps", "polynomial", "cosine"]),
    warmup=st.floats(0, 2),
    images=st.integers(64, 10_000),
)
def test_a_rate_never_leaves_its_bounds_and_warm_up_begins_low(
    schedule: str, warmup: float, images: int
) -> None:
    changes = [f"optimizer.schedule={schedule}", f"optimizer.warmup={warmup}"]
    recipe = load("smoke", changes)
    total = recipe.steps(images)
    rates = [recipe.rate(step, images) for step in range(total + 1)]
    assert all(0 <= rate <= recipe.optimizer.lr * (1 + 1e-9) for rate in rates)
    steps_of_warmup = warmup * images / recipe.batch
    if steps_of_warmup > 1:
        assert rates[0] < recipe.optimizer.lr
    if schedule != "steps" and total > steps_of_warmup:
        assert rates[-1] < 0.05 * recipe.optimizer.lr
