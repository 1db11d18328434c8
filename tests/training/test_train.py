"""A run is a function of its recipe and its data: however often it is ended, the same weights come out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training import config, snapshot
from training.config import Recipe
from training.data.synthetic import Synthetic
from training.run import Run, SnapshotMismatch
from training.telemetry import Diverged, Watch
from training.train import Habits, train
from training.validation import hold, measure
from training.world import World

ALONE = World(0, 1, torch.device("cpu"))
TINY = """
name = "tiny"
architecture = "ir_starter"
embedding = 32
epochs = 5
batch = 8
ema = 0.9
[data]
format = "synthetic"
identities = 8
per_identity = 4
[optimizer]
lr = 0.05
schedule = "cosine"
clip = 5.0
[hardware]
precision = "fp32"
workers = 0
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def recipe(tmp_path: Path, *changes: str) -> Recipe:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return config.load(str(path), changes)


def source() -> Synthetic:
    return Synthetic(8, 4)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return {**run.backbone.state_dict(), **run.head.state_dict(), **run.trained.state_dict()}


def command(tmp_path: Path, out: Path, *options: str) -> list[str]:
    (tmp_path / "tiny.toml").write_text(TINY)
    base = ["--config", str(tmp_path / "tiny.toml"), "--out", str(out), "--save-every", "10"]
    return ["-m", "training", *base, "--look-every", "5", *options]


def test_20_steps_equal_10_a_kill_and_10_more_bit_for_bit(tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    subprocess.run(
        [sys.executable, *command(tmp_path, straight)],
        check=True,
        env=ENVIRONMENT,
        capture_output=True,
    )
    process = subprocess.Popen(
        [sys.executable, *command(tmp_path, killed)], env=ENVIRONMENT, stderr=subprocess.DEVNULL
    )
    while snapshot.latest(killed / "snapshots") is None and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert snapshot.steps(killed / "snapshots")[0] == 10
    again = subprocess.run(
        [sys.executable, *command(tmp_path, killed)],
        check=False,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    ends = [snapshot.folder(out / "snapshots", 20) for out in (straight, killed)]
    for name in ("backbone", "average", "head-00000"):
        whole, parts = (load_file(end / f"{name}.safetensors") for end in ends)
        assert whole.keys() == parts.keys()
        assert all(torch.equal(whole[key], parts[key]) for key in whole), name
    assert (killed / "bundle" / "bundle.json").exists()


def test_two_processes_train_together_and_one_goes_on_alone(tmp_path: Path) -> None:
    out = tmp_path / "shared"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    together = subprocess.run(
        [*launch, *command(tmp_path, out, "--set", "epochs=2.5")],
        check=False,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert together.returncode == 0, together.stderr
    kept = snapshot.latest(out / "snapshots")
    assert kept is not None
    assert snapshot.state(kept)["world"] == 2
    assert len(list(kept.glob("head-*.safetensors"))) == 2
    run = Run(recipe(tmp_path, "epochs=2.5"), 8, 32, ALONE)
    run.restore(kept, source().fingerprint)
    assert run.step == 10
    assert run.head.weight.shape == (8, 32)


def test_a_term_signal_ends_the_run_with_a_snapshot(tmp_path: Path) -> None:
    endless = recipe(tmp_path, "epochs=10000")
    run = Run(endless, 8, 32, ALONE)
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    train(run, source(), None, tmp_path, Habits(save_every=10**6))
    assert signal.getsignal(signal.SIGTERM) is before
    assert snapshot.steps(tmp_path / "snapshots") == [run.step]
    assert 0 < run.step < endless.steps(32)


def test_a_run_of_another_recipe_or_other_data_is_not_gone_on_with(tmp_path: Path) -> None:
    run = Run(recipe(tmp_path), 8, 32, ALONE)
    kept = run.save(tmp_path / "snapshots", "these data", keep=1)
    with pytest.raises(SnapshotMismatch, match="recipe"):
        Run(recipe(tmp_path, "seed=1"), 8, 32, ALONE).restore(kept, "these data")
    with pytest.raises(SnapshotMismatch, match="data set"):
        run.restore(kept, "others")


def test_a_batch_that_cannot_be_shared_says_which_could(tmp_path: Path) -> None:
    run = Run(recipe(tmp_path), 8, 32, ALONE)
    run.world = World(0, 3, torch.device("cpu"))
    with pytest.raises(ValueError, match="set batch to 6"):
        train(run, source(), None, tmp_path, Habits())


def test_a_broken_run_ends_with_a_sentence_and_keeps_the_sound_snapshot(tmp_path: Path) -> None:
    run = Run(recipe(tmp_path), 8, 32, ALONE)
    run.save(tmp_path / "snapshots", source().fingerprint, keep=3)
    broken = Run(recipe(tmp_path), 8, 32, ALONE)
    original = broken.restore

    def poisoned(kept: Path, fingerprint: str) -> None:
        original(kept, fingerprint)
        with torch.no_grad():
            broken.backbone.input_layer[0].weight.fill_(float("nan"))

    broken.restore = poisoned  # type: ignore[method-assign] # damage after the resume
    with pytest.raises(Diverged, match=r"loss is nan at step 1"):
        train(broken, source(), None, tmp_path, Habits(save_every=1, look_every=100))
    assert snapshot.steps(tmp_path / "snapshots") == [0]


def test_a_loss_that_stays_where_no_target_has_a_chance_is_recognized(tmp_path: Path) -> None:
    watch = Watch(Run(recipe(tmp_path), 8, 32, ALONE))
    for _ in range(9):
        watch.judge(69.0776)
    with pytest.raises(Diverged, match="labels"):
        watch.judge(69.0776)
    fine = Watch(watch.run)
    for loss in [69.0776, 60.0] * 10:
        fine.judge(loss)


def test_the_record_can_be_read_by_machines(tmp_path: Path) -> None:
    run = Run(recipe(tmp_path), 8, 32, ALONE)
    train(run, source(), None, tmp_path, Habits(look_every=5))
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 5, 10, 15, 20]
    wanted = {"loss", "norm_mean", "norm_std", "target_cosine", "gradient_norm", "data_wait"}
    assert wanted <= rows[-1].keys()
    assert all(0 <= row["data_wait"] <= 1 and row["images_per_second"] > 0 for row in rows)
    assert list((tmp_path / "tensorboard").iterdir())


def test_only_the_newest_snapshots_are_kept(tmp_path: Path) -> None:
    run = Run(recipe(tmp_path), 8, 32, ALONE)
    train(run, source(), None, tmp_path, Habits(save_every=4, keep=2))
    assert snapshot.steps(tmp_path / "snapshots") == [16, 20]
    (tmp_path / "snapshots" / "step-000000024.partial").mkdir()  # a kill while saving
    assert snapshot.latest(tmp_path / "snapshots") == snapshot.folder(tmp_path / "snapshots", 20)


@pytest.mark.parametrize("loss", ["arcface", "cosface"])
def test_the_other_losses_go_through_the_same_loop(tmp_path: Path, loss: str) -> None:
    chosen = recipe(tmp_path, f"loss.name={loss}", "epochs=1", "loss.sample_rate=0.5")
    run = Run(chosen, 8, 32, ALONE)
    before = {name: value.clone() for name, value in weights(run).items()}
    train(run, source(), None, tmp_path, Habits(look_every=1))
    assert any(not torch.equal(before[name], value) for name, value in weights(run).items())
    [*_, last] = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert "norm_mean" not in json.loads(last)


def test_bfloat16_trains_and_keeps_the_head_in_float32(tmp_path: Path) -> None:
    run = Run(recipe(tmp_path, "hardware.precision=bf16", "epochs=1"), 8, 32, ALONE)
    train(run, source(), None, tmp_path, Habits())
    assert run.head.weight.dtype == torch.float32
    assert all(torch.isfinite(value).all() for value in weights(run).values())


def test_validation_measures_people_who_are_not_trained_on(tmp_path: Path) -> None:
    held = hold(Synthetic(6, 5, first=8), pairs=20, seed=0)
    assert held.same.sum() == 10
    run = Run(recipe(tmp_path), 8, 32, ALONE)
    with torch.no_grad():
        for _ in range(3):
            run.backbone(torch.randn(8, 3, 112, 112))
    run.backbone.train()
    found = measure(run.backbone, held)
    assert 0 <= found["accuracy"] <= 1
    assert -1 <= found["blur_spearman"] <= 1
    assert run.backbone.training


def test_validation_needs_two_people() -> None:
    with pytest.raises(ValueError, match="two people"):
        hold(Synthetic(1, 5), pairs=20, seed=0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "architecture=ir_1000"], "ir_101"),
        (["--set", "data.format=folder", "--set", "data.path=nowhere"], "nowhere does not exist"),
        (["--set", "data.classes=9"], "holds 8 identities, the recipe says 9"),
        (["--set", "loss.h=0"], "cosface"),
    ],
)
def test_what_a_person_can_mend_is_one_line(tmp_path: Path, options: list[str], said: str) -> None:
    from typer.testing import CliRunner

    from training.cli import app

    (tmp_path / "tiny.toml").write_text(TINY)
    arguments = ["--config", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "out"), *options]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 1
    assert said in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
