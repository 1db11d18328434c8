"""Pickles from a download, read without executing what is in them.

A pickle is a program. Only what `.bin` pair sets are made of is rebuilt here, by functions of this
file: plain containers, byte strings, numbers, and NumPy arrays or scalars of integers and booleans.
NumPy's own reconstruction is not used, for it trusts the state it is given.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

BUILTINS = ("builtins", "__builtin__")
MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")


class _Kind:
    """A NumPy dtype of fixed-size integers or booleans."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        text = code.decode("ascii") if isinstance(code, bytes) else str(code)
        self.dtype = np.dtype(text)
        if self.dtype.kind not in "biu":
            raise pickle.UnpicklingError(f"arrays of {text!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder("<" if order == "<" else ">")


class _Array:
    """A NumPy array under construction; `plain` puts the finished one in its place."""

    values: NDArray[Any] = np.zeros(0, np.uint8)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, raw = state
        self.values = _values(raw, kind, shape, "F" if fortran else "C")


def _values(raw: object, kind: object, shape: object, order: str) -> NDArray[Any]:
    if not (isinstance(raw, bytes | bytearray) and isinstance(kind, _Kind)):
        raise pickle.UnpicklingError("a NumPy array without bytes")
    flat = np.frombuffer(raw, kind.dtype)
    return flat.reshape(shape, order=order)  # type: ignore[call-overload,no-any-return] # raises ValueError for any shape that does not fit


def _new_array(*_: object) -> _Array:
    return _Array()


def _from_buffer(raw: object, kind: object, shape: object, order: object) -> _Array:
    array = _Array()
    array.values = _values(raw, kind, shape, "F" if order == "F" else "C")
    return array


def _scalar(kind: object, raw: object) -> object:
    return _values(raw, kind, (1,), "C")[0].item()


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """How Python 3 writes bytes in protocols before 3."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError("an encoding other than latin1")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


REBUILT: dict[tuple[str, str], object] = {
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _Kind,
    ("numpy", "ndarray"): None,  # only ever an argument
    **{(module, "bytes"): _empty_bytes for module in BUILTINS},
    **{(module, "_reconstruct"): _new_array for module in MULTIARRAY},
    **{(module, "scalar"): _scalar for module in MULTIARRAY},
    **{(module, "_frombuffer"): _from_buffer for module in NUMERIC},
}


# Python's own implementation: the memo of the one in C grows to whatever index a file names, and
# five bytes make it fill 64 GB. Pair sets have some ten thousand opcodes, so speed does not matter.
class _Unpickler(pickle._Unpickler):  # noqa: SLF001 - it has no public name
    def find_class(self, module: str, name: str) -> Any:
        try:
            return REBUILT[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the object {module}.{name}") from None


def load(content: bytes) -> object:
    """What a pickle holds, arrays in the place of arrays; strings of Python 2 stay bytes.

    Raises pickle.UnpicklingError for anything but plain data, without running it.
    """
    try:
        return _plain(_Unpickler(io.BytesIO(content), encoding="bytes").load())
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to mean
        raise pickle.UnpicklingError(f"damaged data ({type(error).__name__}: {error})") from error


def _plain(value: object) -> object:
    """Finished arrays instead of those under construction; two levels are all a pair set has."""
    if isinstance(value, _Array):
        return value.values
    if isinstance(value, list | tuple):
        return [
            [_finished(each) for each in part]
            if isinstance(part, list | tuple)
            else _finished(part)
            for part in value
        ]
    return value


def _finished(value: object) -> object:
    return value.values if isinstance(value, _Array) else value
