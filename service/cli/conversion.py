"""Checkpoints on their way into a bundle. The trainer reads them; who starts the command plugs it in."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from service.errors import BundleRefused
from service.wrapping import Colors

SUFFIXES = frozenset({".ckpt", ".pt", ".pth", ".safetensors"})


class Conversion(Protocol):
    """What a checkpoint told about itself, in a manifest's words."""

    @property
    def architecture(self) -> str: ...
    @property
    def parameters(self) -> int: ...
    @property
    def color(self) -> str: ...
    @property
    def embedding(self) -> int: ...
    @property
    def loss(self) -> str: ...
    @property
    def loss_constants(self) -> dict[str, float]: ...
    @property
    def flip_fusion(self) -> bool: ...
    @property
    def source(self) -> str: ...
    @property
    def parity(self) -> object: ...


class Convert(Protocol):
    """Writes the checkpoint in `path` as a contract graph to `onnx`.

    `color` overrides the channel order that the checkpoint's origin tells; with `flip_fusion` the
    graph adds the mirror image's feature. Raises a StartupError with one sentence where the file
    is no checkpoint it knows, or the trainer is not installed.
    """

    def __call__(
        self, path: Path, onnx: Path, *, color: Colors | None = None, flip_fusion: bool = False
    ) -> Conversion: ...


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is to be converted first: by its suffix, or a folder that holds one."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def converter(given: Convert | None, path: Path) -> Convert:
    """The converter plugged in, for `path`; BundleRefused where there is no such file or none."""
    if not path.exists():
        raise BundleRefused(f"{path} does not exist.")
    if given is None:
        raise BundleRefused(f"{path} is a checkpoint; run 'adaface models import' to convert it.")
    return given
