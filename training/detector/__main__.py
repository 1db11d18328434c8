"""One command: label, train (or resume), export and measure a detector."""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from rich.logging import RichHandler

from training.detector.evaluate import evaluate
from training.detector.export import OPSET, export
from training.detector.mosaic import Composer
from training.detector.network import ANCHOR_SIZES, STRIDES
from training.detector.scenes import load
from training.detector.train import Plan, Run, train


def main() -> None:
    """Run `python -m training.detector --data DIR --out DIR`."""
    options = _parser().parse_args()
    handler = RichHandler(show_path=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    scenes = load(options.data, options.out / "labels.json")
    chosen = {f.name: getattr(options, f.name) for f in fields(Plan) if hasattr(options, f.name)}
    composer = Composer(scenes.train, scenes.empty)
    run = train(composer, Plan(**chosen), options.out / "checkpoint.pt")
    finish(run, options)


def finish(run: Run, options: argparse.Namespace) -> None:
    """Write `detector.onnx` from the averaged weights and `detector.json` with what it is and how good."""
    path = options.out / "detector.onnx"
    sha256 = export(run.average, path, options.logit_shift)
    metrics = evaluate(path, options.data, options.out / "labels.json")
    card = {**_description(run), "sha256": sha256, "bytes": path.stat().st_size}
    card |= {"logit_shift": options.logit_shift, "metrics": metrics}
    scratch = path.with_suffix(".partial")
    scratch.write_text(json.dumps(card, indent=1) + "\n")
    scratch.replace(path.with_suffix(".json"))


def _description(run: Run) -> dict[str, Any]:
    plan = run.plan
    shapes = [plan.shapes[step % len(plan.shapes)].pictures for step in range(run.step)]
    return {
        "input": "float32 RGB (1, 3, H, W), (x - 127.5) / 128, H and W multiples of 32",
        "outputs": "SCRFD's nine: scores, box distances and landmark offsets at strides 8, 16, 32",
        "strides": STRIDES,
        "anchor_sizes": ANCHOR_SIZES,
        "threshold": 0.5,
        "opset": OPSET,
        "parameters": sum(p.numel() for p in run.network.parameters()),
        "steps": run.step,
        "pictures_seen": sum(shapes),
        "plan": {k: v for k, v in asdict(plan).items() if k != "shapes"},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("training.detector", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="has scenes/, lfw_train/ and teachers/"
    )
    parser.add_argument("--out", type=Path, required=True, help="labels, checkpoint and detector")
    parser.add_argument("--threads", type=int, default=1, help="PyTorch threads")
    for name in ("steps", "seed", "workers", "checkpoint_every"):
        default = getattr(Plan(), name)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=int, default=default, help=f"default {default}")
    parser.add_argument("--rate", type=float, default=Plan().rate, help="peak learning rate")
    parser.add_argument(
        "--logit-shift", type=float, default=0.0, help="added to scores: moves the threshold to 0.5"
    )
    return parser


if __name__ == "__main__":
    main()
