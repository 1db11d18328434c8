"""Recognizer backbones, all built from one table."""

from training.backbones.ir import ARCHITECTURES, Backbone, Shape, build

__all__ = ["ARCHITECTURES", "Backbone", "Shape", "build"]
