"""What computes: the provider that is asked for, and the driver it needs."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

from models.bundle import DETECTOR
from service.doctor.finding import Finding, Findings
from service.engine import hardware_of
from service.errors import StartupError
from service.onnx import open_on
from service.providers import PROVIDERS
from service.settings import STARTER, Settings

LIBRARY = "libcuda.so.1"
DEVICE = Path("/dev/nvidiactl")


def driver(settings: Settings) -> Findings:
    """Nothing to say where a CPU is asked for and there is nothing else."""
    there = _loads(LIBRARY)
    if settings.provider != "cpu" and not there:
        yield Finding(
            "problem",
            "driver",
            f"FACE_PROVIDER={settings.provider} needs NVIDIA's driver, and {LIBRARY} cannot be "
            "loaded: install the driver, and start a container with --gpus all.",
        )
    elif settings.provider != "cpu":
        yield Finding("ok", "driver", f"NVIDIA's driver is there ({LIBRARY}).")
    elif there and DEVICE.exists():
        yield Finding(
            "warning", "driver", "A GPU is there and idle; FACE_PROVIDER=cuda would compute on it."
        )


def computes(settings: Settings) -> Findings:
    """Opens the starter's detector where the service would: a silent fallback is refused."""
    wanted = PROVIDERS[settings.provider]
    kept = replace(hardware_of(settings), engines=None)
    try:
        open_on(STARTER / DETECTOR, kept)
    except StartupError as error:
        yield Finding("problem", "provider", str(error))
    else:
        yield Finding(
            "ok", "provider", f"{wanted} computes, with {settings.compute_threads} threads."
        )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
