"""Reading a PyTorch checkpoint that holds foreign objects, without importing or calling any of them."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Never

import torch
from torch import _utils


class Inert(dict[Any, Any]):
    """Stands for an object whose class is not trusted: its attributes and items, no behavior."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __call__(self, *_: object) -> Inert:
        return Inert()

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.update(state)

    def append(self, item: object) -> None:
        """Items of a foreign list are dropped."""

    def extend(self, items: object) -> None:
        """Items of a foreign list are dropped."""

    __hash__ = object.__hash__  # type: ignore[assignment] # may be a key; dict has no hash


class _Known:
    """One of the few functions a tensor is rebuilt by; its attributes cannot be overwritten."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> Never:
        raise pickle.UnpicklingError("The file tries to change a function.")


KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _utils._rebuild_tensor_v2,  # noqa: SLF001 - what files name
    ("torch._utils", "_rebuild_parameter"): _utils._rebuild_parameter,  # noqa: SLF001 - what files name
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        function = KNOWN.get((module, name))
        if function is None:
            return Inert
        return function if isinstance(function, type) else _Known(function)


def _load(file: Any, **options: Any) -> Any:
    return _Unpickler(file, **options).load()


PICKLE = SimpleNamespace(__name__="inert", Unpickler=_Unpickler, load=_load)


def load(path: Path) -> Any:
    """What torch.save wrote into `path`; objects that are not tensors or plain values are Inert.

    Official AdaFace checkpoints hold Lightning's and argparse's objects beside the weights.
    PyTorch's own weights-only reader goes first; where it meets such an object this one follows,
    for the zip format only (PyTorch 1.6 and newer), mapped into memory: what nobody looks at is
    not read. Raises whatever PyTorch and pickle raise for a file that is broken.
    """
    mapped = _is_zip(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError:
        if not mapped:
            raise
    # TorchScript archives never get here: the first reader ends them with a RuntimeError.
    return torch.load(path, map_location="cpu", weights_only=False, pickle_module=PICKLE, mmap=True)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"
