"""ONNX Runtime sessions; the only file that imports it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import onnxruntime

from service.errors import StartupError

Session: TypeAlias = onnxruntime.InferenceSession
Provider = Literal["cpu", "cuda"]
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_session(model: Path, *, provider: Provider, threads: int) -> Session:
    """A session on exactly the provider asked for, `threads` wide.

    Raises StartupError when the file is no model, or when ONNX Runtime would quietly run on
    another provider: a GPU service on its CPU is an outage that looks like a slow day.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads of one session must not spin on the cores another one computes on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = PROVIDERS[provider]
    if wanted not in (available := onnxruntime.get_available_providers()):
        raise StartupError(
            f"{wanted} is not available, only {', '.join(available)}; install onnxruntime-gpu in "
            "place of onnxruntime, or set FACE_PROVIDER=cpu."
        )
    try:
        session = Session(str(model), options, providers=[wanted])
    except Exception as error:  # ONNX Runtime raises a class of its own per cause
        raise StartupError(f"{model} cannot be loaded by ONNX Runtime: {error}") from error
    if session.get_providers()[0] != wanted:
        raise StartupError(
            f"{wanted} could not be started, ONNX Runtime fell back to "
            f"{session.get_providers()[0]}; check the driver, or set FACE_PROVIDER=cpu."
        )
    return session
