"""Bundles whose norm is turned round, by hand in the manifest and within the network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from models import bundle as bundles
from models.golden import record
from service.embedding import Recognizer
from service.onnx import open_session

TOP = 30.0  # above every norm, so that 30 - norm is one, too


def turned_manifest(bundle: Path, out: Path) -> Path:
    """A copy that calls short norms good; nothing else is changed."""
    copy = Path(shutil.copytree(bundle, out))
    _edit(copy, lambda kept: kept["quality"].update(direction=-kept["quality"]["direction"]))
    return copy


def turned_network(bundle: Path, out: Path) -> Path:
    """A copy whose network answers 30 - norm, with sums, golden vectors and owner to match.

    Only the meaning of its norm has changed, as when a recognizer is exported anew and the
    calibration copied.
    """
    copy = Path(shutil.copytree(bundle, out))
    model = onnx.load(str(copy / bundles.RECOGNIZER))
    for node in model.graph.node:
        node.output[:] = ["length" if name == "norm" else name for name in node.output]
        node.input[:] = ["length" if name == "norm" else name for name in node.input]
    top = helper.make_tensor("top", onnx.TensorProto.FLOAT, [], [TOP])
    model.graph.initializer.append(top)
    model.graph.node.append(helper.make_node("Sub", ["top", "length"], ["norm"]))
    onnx.save(model, str(copy / bundles.RECOGNIZER))
    session = open_session(copy / bundles.RECOGNIZER, provider="cpu", threads=1)
    golden = [each.model_dump() for each in record(Recognizer(session))]
    digest = bundles.sha256(copy / bundles.RECOGNIZER)

    def proven(kept: dict[str, Any]) -> None:
        kept["golden"], kept["calibrated"] = golden, digest
        kept["files"][bundles.RECOGNIZER] = digest

    _edit(copy, proven)
    return copy


def copied_calibration(bundle: Path, out: Path) -> Path:
    """A copy whose calibration says that it was measured with another recognizer."""
    copy = Path(shutil.copytree(bundle, out))
    _edit(copy, lambda kept: kept.update(calibrated="0" * 64))
    return copy


def _edit(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    kept = json.loads((bundle / bundles.MANIFEST).read_text())
    change(kept)
    (bundle / bundles.MANIFEST).write_text(json.dumps(kept))
