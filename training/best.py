"""The network that did best on held-out people, beside the snapshots a run goes on from."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file

from training import snapshot
from training.backbones import Backbone
from training.run import Run

NAME = re.compile(r"^best-(\d{9})$")
ORDER = ("accuracy", "tmr_at_fmr_0.01")  # what `validation.measure` found; the second settles ties


def latest(root: Path) -> Path | None:
    """The kept network under `root`, a folder like `best-000012000`; None where there is none."""
    if not root.is_dir():
        return None
    return max((path for path in root.iterdir() if NAME.match(path.name)), default=None)


def keep(run: Run, found: Mapping[str, float], root: Path) -> None:
    """Keeps the network of this step under `root` if `found` is better than what is kept there.

    The folder holds the weights, the recipe, and in state.json what was measured: enough to
    evaluate and export, not to go on from. A kill at any moment leaves the one before. Raises
    OSError when the disk is full.
    """
    if not _better(found, latest(root), run.recipe.fingerprint):
        return
    whole = root / f"best-{run.step:09d}"
    partial = whole.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with snapshot.writing(partial):
        partial.mkdir(parents=True)
        run.save_network(partial)
        state = {"step": run.step, "recipe": run.recipe.fingerprint, "measured": dict(found)}
        snapshot.complete(partial, state)
    for old in [path for path in root.iterdir() if NAME.match(path.name) and path != whole]:
        shutil.rmtree(old)


def _better(found: Mapping[str, float], kept: Path | None, recipe: str) -> bool:
    if kept is None:
        return True
    state = json.loads((kept / snapshot.STATE).read_text())
    before = state["measured"]
    return bool(
        state["recipe"] != recipe
        or [found[name] for name in ORDER] > [before[name] for name in ORDER]
    )


def network(run: Run, root: Path) -> Backbone:
    """The network the recipe wants out of a finished run: its last one, or the best under `root`."""
    chosen = copy.deepcopy(run.trained)
    wanted = run.recipe.validation
    if wanted is not None and wanted.choose == "best" and (kept := latest(root)) is not None:
        [weights] = kept.glob("*.safetensors")
        chosen.load_state_dict(load_file(weights))
    return chosen
