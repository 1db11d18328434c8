"""Recognizer backbones, all built from one table."""

from training.backbones.backbone import Backbone, Shape, resized
from training.backbones.calibration import settle
from training.backbones.cost import macs
from training.backbones.table import ARCHITECTURES, build

__all__ = ["ARCHITECTURES", "Backbone", "Shape", "build", "macs", "resized", "settle"]
