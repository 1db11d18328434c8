"""A recognizer's convolutions by ncnn, which computes them after Winograd in exact float32.

`network` imports ncnn, an extra; the rest converts without it.
"""

from service.winograd.converting import converted, installed
from service.winograd.cutting import Unconvertible

__all__ = ["Unconvertible", "converted", "installed"]
