"""Whose checkpoint it is: what its names mean, which colour order it wants, what it was trained by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from torch import Tensor

from training.importers.weights import CheckpointRefused, Weights, beside

Color: TypeAlias = Literal["rgb", "bgr"]
UNKNOWN = "unknown"
LOSSES = ("adaface", "arcface", "cosface")
# What AdaFace's trainer calls the constants, and what they are called here.
CONSTANTS = {"m": "margin", "h": "h", "s": "scale", "t_alpha": "momentum"}
# The buffers of AdaFace's head: its running mean and deviation of feature norms.
STATISTICS = {"head.batch_mean": "norm_mean", "head.batch_std": "norm_std"}
HEAD = {"head.kernel", "head.t", *STATISTICS}


@dataclass(frozen=True, slots=True)
class Origin:
    """The backbone's weights under their plain names, and what comes with whose they are.

    `color` is None where neither the file nor its origin says it.
    """

    kind: str
    tensors: dict[str, Tensor]
    color: Color | None = None
    loss: str = UNKNOWN
    loss_constants: dict[str, float] = field(default_factory=dict)


def origin(weights: Weights) -> Origin:
    """Tells by the container, the prefixes and the files beside it where a checkpoint comes from.

    Raises CheckpointRefused where weights lie around the backbone's that nobody accounts for.
    """
    if weights.container == "student":
        return _distilled(weights)
    tensors = _below("module.", weights.tensors) or weights.tensors  # DistributedDataParallel
    if weights.path.name in ("backbone.safetensors", "average.safetensors"):
        return _trained(weights, tensors)
    for prefix in ("model.net.", "net."):
        if plain := _below(prefix, tensors):
            return Origin("CVLface", plain, _color_space(weights))
    if any(name.startswith("model.") for name in tensors):
        return _official(weights, tensors)
    if "layer1.0.conv1.weight" in tensors:
        return Origin("insightface", tensors, "rgb")
    return Origin(UNKNOWN, tensors)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without `prefix`, none where not all have it."""
    if not all(name.startswith(prefix) for name in tensors):
        return {}
    return {name.removeprefix(prefix): value for name, value in tensors.items()}


def _official(weights: Weights, tensors: dict[str, Tensor]) -> Origin:
    """AdaFace's Lightning checkpoint: `model.*` beside the head. Always BGR (its README)."""
    inner = {name: value for name, value in tensors.items() if name.startswith("model.")}
    if strange := sorted(tensors.keys() - inner.keys() - HEAD):
        raise CheckpointRefused(
            f"looks like AdaFace's, but {named(strange)} belong to no part of it."
        )
    options = _flat(weights.metadata.get("hyper_parameters"))
    asked = options.get("head")
    default = "adaface" if "head.batch_mean" in tensors else UNKNOWN
    return Origin(
        "AdaFace",
        _below("model.", inner),
        "bgr",
        asked if asked in LOSSES else default,
        _numbers(options, CONSTANTS) | _numbers(tensors, STATISTICS),
    )


def _flat(options: Any) -> dict[str, Any]:
    """Lightning's hyper_parameters, be they a dict, a Namespace or one within the other."""
    found: dict[str, Any] = {}
    for name, value in options.items() if isinstance(options, Mapping) else ():
        found |= _flat(value) if isinstance(value, Mapping) else {str(name): value}
    return found


def _numbers(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float]:
    numbers = {}
    for theirs, ours in names.items():
        value = found.get(theirs)
        if isinstance(value, Tensor):
            value = value.item() if value.numel() == 1 else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers[ours] = float(value)
    return numbers


def _distilled(weights: Weights) -> Origin:
    """`training.distill`'s checkpoint: `backbone.*` beside a head that ends with the training."""
    tensors = {k: v for k, v in weights.tensors.items() if k.startswith("backbone.")}
    return Origin("distillation", _below("backbone.", tensors), "rgb", "adaface + distillation")


def _trained(weights: Weights, tensors: dict[str, Tensor]) -> Origin:
    """A snapshot of `training.train`, which says its loss in the recipe beside it."""
    recipe = beside(weights.path, "recipe.json")
    if not recipe:
        return Origin(UNKNOWN, tensors)
    loss = _flat(recipe.get("loss"))
    constants = _numbers(loss, {name: name for name in CONSTANTS.values()})
    name = str(loss.get("name", UNKNOWN))
    if name != "adaface":
        constants = {key: constants[key] for key in constants.keys() & {"margin", "scale"}}
    return Origin("training", tensors, "rgb", name, constants)


def _color_space(weights: Weights) -> Color | None:
    """CVLface writes `color_space` into config.json or a YAML file beside its weights."""
    configured = beside(weights.path, "config.json")
    said = _flat(configured).get("color_space")
    for name in ("model.yaml", "config.yaml"):
        path = weights.path.parent / name
        if said is None and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            line = re.search(r"^\s*color_space:\s*['\"]?(\w+)", text, re.MULTILINE)
            said = line[1] if line else None
    known: dict[str, Color] = {"RGB": "rgb", "BGR": "bgr"}
    return known.get(str(said).upper())


def named(names: list[str]) -> str:
    """The first few of many names, and how many there are."""
    few = ", ".join(names[:3])
    return few if len(names) <= 3 else f"{few} and {len(names) - 3} more"
