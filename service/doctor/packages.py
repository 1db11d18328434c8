"""Python and the packages in it."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.metadata import distributions

import cv2

from service import tracing
from service.doctor.finding import Finding, Findings
from service.errors import StartupError
from service.settings import Settings

OLDEST = (3, 11)


def python(_: Settings) -> Findings:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        yield Finding("problem", "python", f"Python {version} is too old; 3.11 or newer is needed.")
    else:
        yield Finding("ok", "python", f"Python {version} in {sys.prefix}.")


def runtimes(_: Settings) -> Findings:
    """Two packages with one folder overwrite each other, and which one is left is chance."""
    owners = _owners("onnxruntime")
    if len(owners) == 1:
        yield Finding("ok", "onnxruntime", f"One package, {owners[0]}.")
        return
    names = " and ".join(owners) or "none"
    yield Finding(
        "problem",
        "onnxruntime",
        f"There has to be one onnxruntime, and there are {names}: uninstall them all, then install "
        "onnxruntime, or onnxruntime-gpu for a GPU.",
    )


def opencv(_: Settings) -> Findings:
    """One OpenCV, and one without windows: two of them write over each other's files."""
    owners = _owners("cv2")
    windows = re.search(r"GUI:\s+(\w+)", cv2.getBuildInformation())
    if len(owners) > 1:
        yield Finding(
            "problem",
            "opencv",
            f"{' and '.join(owners)} overwrite each other: uninstall them all, then install "
            "opencv-python-headless.",
        )
    elif windows is not None and windows[1] != "NONE":
        yield Finding(
            "warning",
            "opencv",
            f"{' '.join(owners)} draws windows and needs libGL, which servers lack: install "
            "opencv-python-headless in its place.",
        )
    else:
        yield Finding("ok", "opencv", f"{' '.join(owners)} {cv2.__version__}, without windows.")


def engine(settings: Settings) -> Findings:
    if settings.engine == "winograd" and importlib.util.find_spec("ncnn") is None:
        yield Finding(
            "problem",
            "engine",
            "FACE_ENGINE=winograd needs ncnn; run 'pip install --no-deps -r "
            "requirements/image-cpu.txt', or set it to auto.",
        )


def traces(_: Settings) -> Findings:
    """Nothing to say where no OTEL_* variable asks for them; nothing is sent."""
    try:
        with tracing.running():
            asked = tracing.here() is not None
    except StartupError as error:
        yield Finding("problem", "traces", str(error))
        return
    if asked:
        yield Finding("ok", "traces", "They go where OTEL_* says; no collector was asked.")


def _owners(package: str) -> list[str]:
    """The installed distributions that have `package/__init__.py`."""
    initial = (package, "__init__.py")
    found = {
        each.name for each in distributions() if any(f.parts == initial for f in each.files or ())
    }
    return sorted(found)
