"""A recognizer that was exported, as a backbone that can be trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import ModelProto, numpy_helper
from torch import Tensor, nn

from training.backbones import build
from training.backbones.ir import IR, Unit

Pair = tuple[nn.Conv2d, nn.BatchNorm2d]


def read_back(path: Path, architecture: str) -> IR:
    """The backbone in an ONNX file of `training.export`, answering as the file does in eval mode.

    The exporter folds each batch norm that follows a convolution into it; here that norm comes
    back as a plain shift, which `spread` then turns into statistics one can train with.
    Raises ValueError where the graph is not of `architecture`, or that is no IR network.
    """
    model = onnx.load(str(path))
    backbone = build(architecture).eval()
    if not isinstance(backbone, IR):
        raise ValueError(f"{architecture} cannot be read back; IR networks can.")  # noqa: TRY004 - the caller's choice of file, not of type
    try:
        backbone.load_state_dict(_named(model), strict=False)
        _unfold(model, backbone)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is no exported {architecture}: {error}") from error
    return backbone


@torch.no_grad()
def spread(backbone: IR, batches: Iterable[Tensor]) -> None:
    """Gives each unfolded batch norm the statistics of `batches`, (n, 3, 112, 112) in [-1, 1].

    The answers stay what they were; in training mode the batch's own statistics then take the
    place of like ones, instead of undoing what had been learned.
    """
    seen: dict[nn.BatchNorm2d, list[Tensor]] = {norm: [] for _, norm in pairs(backbone)}
    hooks = [norm.register_forward_pre_hook(_watch(kept)) for norm, kept in seen.items()]
    for batch in batches:
        backbone(batch)
    for hook in hooks:
        hook.remove()
    for convolution, norm in pairs(backbone):
        mean, square = torch.stack(seen[norm]).mean(dim=0)
        variance = (square - mean**2).clamp(min=1e-8)
        length = _trained_length(convolution.weight)
        convolution.weight.mul_(length)
        norm.running_mean = mean * length
        norm.running_var = variance * length**2
        norm.weight.copy_((norm.running_var + norm.eps).sqrt() / length)
        norm.bias.add_(mean)


def _trained_length(weight: Tensor) -> float:
    """What makes a folded weight as long as training would have left it.

    Folding divides each weight by its output's deviation, and short weights turn far with each
    step. 2.5 of Muon's unit steps is how long the starter's last layer is, which is not folded.
    """
    rows, columns = weight.flatten(1).shape
    return float(2.5 * 0.2 * (rows * columns) ** 0.5 / weight.norm())


def _watch(kept: list[Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        kept.append(torch.stack([x.mean(dim=(0, 2, 3)), x.square().mean(dim=(0, 2, 3))]))

    return hook


def pairs(backbone: IR) -> Iterator[Pair]:
    """Each convolution with the batch norm behind it, in the order they are computed."""
    yield backbone.input_layer[0], backbone.input_layer[1]  # type: ignore[misc]
    for unit in (module for module in backbone.body if isinstance(module, Unit)):
        residual, shortcut = unit.res_layer, unit.shortcut_layer
        yield residual[1], residual[2]  # type: ignore[misc]
        yield residual[4], residual[5]  # type: ignore[misc]
        if isinstance(shortcut, nn.Sequential):
            yield shortcut[0], shortcut[1]  # type: ignore[misc]


def _named(model: ModelProto) -> dict[str, Tensor]:
    """The weights that kept their names: everything but what was folded."""
    prefix = "backbone."
    return {
        weight.name.removeprefix(prefix): torch.from_numpy(numpy_helper.to_array(weight).copy())
        for weight in model.graph.initializer
        if weight.name.startswith(prefix)
    }


@torch.no_grad()
def _unfold(model: ModelProto, backbone: IR) -> None:
    weights = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    nodes = model.graph.node
    # A graph with flip fusion holds the network twice; the first pass is enough.
    folded = [(node.input[1], node.input[2]) for node in nodes if node.op_type == "Conv"]
    slopes = [node.input[1] for node in nodes if node.op_type == "PRelu"]
    for (convolution, norm), (weight, bias) in zip(pairs(backbone), folded, strict=False):
        convolution.weight.copy_(_like(convolution.weight, weights[_origin(model, weight)]))
        norm.bias.copy_(_like(norm.bias, weights[_origin(model, bias)]))
        norm.weight.fill_(1)
        norm.running_mean.zero_()  # type: ignore[union-attr]
        norm.running_var.fill_(1 - norm.eps)  # type: ignore[union-attr]
    activations = [module for module in backbone.modules() if isinstance(module, nn.PReLU)]
    for activation, slope in zip(activations, slopes, strict=False):
        found = weights[_origin(model, slope)].reshape(-1)
        activation.weight.copy_(_like(activation.weight, found))


def _origin(model: ModelProto, name: str) -> str:
    """The initializer behind a name that Identity nodes may have passed on."""
    aliases = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "Identity"}
    while name in aliases:
        name = aliases[name]
    return name


def _like(wanted: Tensor, found: np.ndarray) -> Tensor:
    if wanted.shape != found.shape:
        raise ValueError(f"weights of {found.shape} where {tuple(wanted.shape)} are expected")
    return torch.from_numpy(found.copy())
