"""The state of a run: network, head, optimizers, scaler, average; one update; save and restore."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training import adaface, checkpoint, head_shards, snapshot
from training.backbones import Backbone, build
from training.config import Recipe
from training.data.loader import Batch
from training.norm import norm_loss
from training.partial_fc import Head
from training.sgd import SGD
from training.world import World

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
BACKBONE, AVERAGE, RECIPE = "backbone.safetensors", "average.safetensors", "recipe.json"


class SnapshotMismatch(ValueError):
    """The snapshot belongs to another run; the message says in what it differs."""


class Outcome(NamedTuple):
    """What one update did: the loss over the global batch and the backbone's gradient norm."""

    loss: Tensor
    gradient: Tensor


class Run:
    """A recipe under way on `world`, for a data set of `classes` people and `images` pictures."""

    def __init__(self, recipe: Recipe, classes: int, images: int, world: World) -> None:
        self.recipe, self.world, self.images = recipe, world, images
        self.step = 0
        _arrange(recipe)
        torch.manual_seed(recipe.seed)
        layout = torch.channels_last if recipe.hardware.channels_last else torch.contiguous_format
        self.backbone: Backbone = build(recipe.architecture, embedding=recipe.embedding)
        self.backbone.to(world.device, memory_format=layout)  # type: ignore[call-overload] # torch's stubs
        margin = adaface.margin(recipe.loss.name, **self._margin_options())
        self.head = Head(
            margin,
            self.backbone.shape.embedding,
            classes,
            sample_rate=recipe.loss.sample_rate,
            seed=recipe.seed,
        ).to(world.device)
        self.optimizers = self._optimizers()
        fp16 = recipe.hardware.precision == "fp16"
        self.scaler = torch.amp.GradScaler(world.device.type, enabled=fp16)
        self.average = _average(self.backbone, recipe.ema)
        self.forward = self._forward()

    def _margin_options(self) -> dict[str, Any]:
        loss = self.recipe.loss
        if loss.name != "adaface":
            return loss.constants
        return {**loss.constants, "norm_statistics": loss.norm_statistics}

    def _optimizers(self) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
        how = self.recipe.optimizer
        decayed, free = _groups(self.backbone, decay_prelu=how.decay_prelu)
        groups: list[dict[str, Any]] = [
            {"params": decayed},
            {"params": free, "weight_decay": 0.0},
        ]
        backbone = torch.optim.SGD(
            groups,
            how.lr,
            how.momentum,
            weight_decay=how.weight_decay,
        )
        return backbone, SGD([self.head.weight], how.lr, how.momentum, how.weight_decay)

    def _forward(self) -> nn.Module:
        """The backbone as it is called: compiled and averaged over ranks, where asked for."""
        forward: nn.Module = self.backbone
        if self.world.size > 1:
            devices = [self.world.device] if self.world.device.type == "cuda" else None
            forward = DistributedDataParallel(forward, device_ids=devices)
        if self.recipe.hardware.compile:
            forward = torch.compile(forward)  # type: ignore[assignment] # it is a module still
        return forward

    def update(self, batch: Batch) -> Outcome:
        """One optimizer step on this rank's part, (n, 112, 112, 3) uint8, of the global batch."""
        rate = self.recipe.rate(self.step, self.images)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
        features = self._features(batch)
        loss = self.head(features, batch.labels.to(self.world.device))
        self.scaler.scale(loss + self._norm_loss(features, batch)).backward()
        gradient = self._clipped()
        if self._usable(gradient):
            for optimizer in self.optimizers:
                self.scaler.step(optimizer)
            if self.average is not None:
                self.average.update_parameters(self.backbone)
        self.scaler.update()
        self.step += 1
        return Outcome(loss.detach(), gradient)

    def _features(self, batch: Batch) -> Tensor:
        """(n, embedding) raw features; autocast ends here, the head works in float32."""
        dtype = DTYPES[self.recipe.hardware.precision]
        x = pixels(batch.images.to(self.world.device, non_blocking=True))
        with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
            features: Tensor = self.forward(x)
        return features

    def _norm_loss(self, features: Tensor, batch: Batch) -> Tensor | float:
        weight = self.recipe.loss.norm_weight
        if weight == 0:
            return 0.0
        return weight * norm_loss(features.float(), -batch.severity.to(features.device))

    def _clipped(self) -> Tensor:
        self.scaler.unscale_(self.optimizers[0])
        longest = self.recipe.optimizer.clip or float("inf")
        return nn.utils.clip_grad_norm_(self.backbone.parameters(), longest)

    def _usable(self, gradient: Tensor) -> bool:
        """Whether to step. In float16 gradients overflow now and then, until the scale has fallen.

        Of such a step nothing is taken over: not by the head, whose gradient is float32, nor by
        the average. DDP has shared the gradient, so all ranks decide alike.
        """
        return not self.scaler.is_enabled() or bool(gradient.isfinite())

    @property
    def trained(self) -> Backbone:
        """The network to use: the averaged one where the recipe averages."""
        if self.average is None:
            return self.backbone
        averaged: Backbone = self.average.module  # type: ignore[assignment] # torch's stubs
        return averaged

    def save(self, root: Path, source: str, *, keep: int) -> Path:
        """A snapshot under `root` of everything the next step depends on; `source` names the data.

        Raises OSError when the disk is full, with the snapshots before it intact.
        """
        partial = snapshot.begin(root, self.step, self.world)
        momentum = self.optimizers[1].state[self.head.weight].get("momentum_buffer")
        with snapshot.writing(partial):
            head_shards.save_shard(partial, self.head, momentum)
            generators = partial / f"random-{self.world.rank:05d}.pt"
            checkpoint.save(generators, _random_state(self.world.device))
            if self.world.leads:
                self._save_shared(partial)
        state = {
            "step": self.step,
            "world": self.world.size,
            "recipe": self.recipe.fingerprint,
            "source": source,
        }
        return snapshot.finish(partial, state, self.world, keep=keep)

    def _save_shared(self, partial: Path) -> None:
        self.save_network(partial)
        if self.average is not None:
            save_file(_whole(self.backbone), partial / BACKBONE)
        shared = {
            "optimizer": self.optimizers[0].state_dict(),
            "scaler": self.scaler.state_dict(),
            "averaged": 0 if self.average is None else int(self.average.n_averaged),
        }
        checkpoint.save(partial / "optimizer.pt", shared)

    def save_network(self, folder: Path) -> None:
        """The trained network, as a file `training.importers` reads, with its recipe beside it."""
        name = BACKBONE if self.average is None else AVERAGE
        save_file(_whole(self.trained), folder / name)
        (folder / RECIPE).write_text(self.recipe.model_dump_json(indent=1) + "\n")

    def restore(self, kept: Path, source: str) -> None:
        """Goes on from a snapshot of this recipe and these data, made at any world size.

        Raises SnapshotMismatch for another recipe or other data, as going on would mix two runs,
        and BadSnapshot for a file that is damaged.
        """
        with snapshot.reading(kept):
            state = snapshot.state(kept)
            self._refuse_another(kept, state, source)
            self._restore_shared(kept)
            if (momentum := head_shards.load_shards(kept, self.head)) is not None:
                self.optimizers[1].state[self.head.weight]["momentum_buffer"] = momentum
            self._restore_random(kept, state)
        self.step = state["step"]

    def _refuse_another(self, kept: Path, state: dict[str, Any], source: str) -> None:
        for what, found, wanted in (
            ("recipe", state["recipe"], self.recipe.fingerprint),
            ("data set", state["source"], source),
        ):
            if found != wanted:
                raise SnapshotMismatch(
                    f"{kept} was made with another {what}; choose another --out, or delete it to "
                    "start anew."
                )

    def _restore_random(self, kept: Path, state: dict[str, Any]) -> None:
        if state["world"] == self.world.size:
            generators = checkpoint.load(kept / f"random-{self.world.rank:05d}.pt")
            _restore_random(generators or {}, self.world.device)
        else:
            torch.manual_seed(hash((self.recipe.seed, state["step"], self.world.rank)) % 2**63)

    def _restore_shared(self, kept: Path) -> None:
        self.backbone.load_state_dict(load_file(kept / BACKBONE))
        shared = checkpoint.load(kept / "optimizer.pt") or {}
        self.optimizers[0].load_state_dict(shared["optimizer"])
        if shared["scaler"]:  # empty where the snapshot was made without float16
            self.scaler.load_state_dict(shared["scaler"])
        if self.average is not None:
            self.average.module.load_state_dict(load_file(kept / AVERAGE))
            self.average.n_averaged.fill_(shared["averaged"])


def pixels(images: Tensor) -> Tensor:
    """(n, 112, 112, 3) uint8 RGB -> (n, 3, 112, 112) float32 in [-1, 1], a channels_last view."""
    return images.permute(0, 3, 1, 2).float().sub(127.5).div(127.5)


def _arrange(recipe: Recipe) -> None:
    torch.set_float32_matmul_precision("highest" if recipe.hardware.deterministic else "high")
    torch.use_deterministic_algorithms(recipe.hardware.deterministic)


def _groups(
    backbone: nn.Module, *, decay_prelu: bool
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Weights that decay, and those that do not: batch norms, biases and, but for the official way, PReLU."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for module in backbone.modules():
        for weight in module.parameters(recurse=False):
            slope = isinstance(module, nn.PReLU) and decay_prelu
            (decayed if weight.ndim > 1 or slope else free).append(weight)
    return decayed, free


def _average(backbone: Backbone, decay: float | None) -> AveragedModel | None:
    if decay is None:
        return None
    follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call] # torch's stubs
    return AveragedModel(backbone, multi_avg_fn=follow, use_buffers=True)


def _whole(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in module.state_dict().items()}


def _random_state(device: torch.device) -> dict[str, Any]:
    """The generators of torch; pictures are drawn by keyed ones, which have no state."""
    states: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def _restore_random(states: dict[str, Any], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
