"""Chooses what computes embeddings, and lets nothing answer that differs from ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models import bundle as bundles
from models.bundle import Bundle
from models.golden import Recognize, picture
from service.embedding import Recognizer
from service.onnx import Bucketed, open_on
from service.providers import Hardware
from service.settings import Settings
from service.winograd import Unconvertible, converted, installed

log = logging.getLogger("service")
LEAST_COSINE, NORM_TOLERANCE = 0.99999, 1e-3
HEAVY = 10_000_000  # parameters: IR-18 has 24, the starter 2, and there ONNX Runtime is faster
SEEDS = (3, 4, 5)  # of further pictures, beside those of the golden vectors


class Differs(Exception):
    """An engine does not answer as ONNX Runtime does."""


def hardware_of(settings: Settings) -> Hardware:
    """The part of the settings that concerns ONNX Runtime."""
    return Hardware(
        provider=settings.provider,
        threads=settings.compute_threads,
        arena=settings.arena,
        device=settings.device,
        fp16=settings.fp16,
        engines=settings.engines,
    )


def open_recognizer(bundle: Bundle, settings: Settings) -> Recognizer:
    """The recognizer of a bundle on the engine the settings name, ready for its first batch.

    Where another engine than ONNX Runtime is wanted and cannot answer, or would answer otherwise,
    one warning says why and ONNX Runtime answers. Raises StartupError and BundleRefused.
    """
    session = open_on(bundle.recognizer, hardware_of(settings))
    if settings.provider != "cpu":
        bucketed = Bucketed(session)
        recognizer = Recognizer(bucketed)
        bucketed.warm()
        return recognizer
    reference = Recognizer(session)
    if not _wanted(bundle, settings):
        return reference
    try:
        return _winograd(bundle, settings, reference)
    except (Unconvertible, Differs, OSError, RuntimeError) as error:
        log.warning(
            "FACE_ENGINE=winograd: %s; ONNX Runtime computes embeddings. FACE_ENGINE=onnxruntime asks "
            "for that.",
            error,
        )
        return reference


def _wanted(bundle: Bundle, settings: Settings) -> bool:
    """Whether Winograd is to be tried: `auto` does so where it is there and pays."""
    if settings.engine == "auto":
        return installed() and bundle.manifest.parameters >= HEAVY
    return settings.engine == "winograd"


def _winograd(bundle: Bundle, settings: Settings, reference: Recognizer) -> Recognizer:
    if not installed():
        raise Unconvertible(
            "it is not installed, pip install --no-deps -r requirements/image-cpu.txt does it"
        )
    from service.winograd.network import Winograd  # ncnn is an extra

    digest = bundle.manifest.files[bundles.RECOGNIZER]
    conversion = converted(bundle.recognizer, digest, settings.engines)
    found = Recognizer(Winograd(conversion, threads=settings.compute_threads), "winograd")
    agree(found, reference, _crops(bundle))
    log.info("embeddings are computed by ncnn, on %d threads", settings.compute_threads)
    return found


def _crops(bundle: Bundle) -> NDArray[np.uint8]:
    """The golden pictures, others, and two without any contrast."""
    seeds: Sequence[int] = [each.seed for each in bundle.manifest.golden]
    pictures = [picture(seed) for seed in (*seeds, *SEEDS)]
    return np.stack([*pictures, np.zeros_like(pictures[0]), np.full_like(pictures[0], 255)])


def agree(found: Recognize, reference: Recognize, crops: NDArray[np.uint8]) -> None:
    """Raises Differs unless every cosine is at least 0.99999 and every norm within 0.1 %.

    Embeddings have unit length, so cosines are taken as they come: one that lost its length
    does not agree either.
    """
    ours, theirs = found(crops), reference(crops)
    cosines = np.einsum("nd,nd->n", ours.embeddings, theirs.embeddings)
    drift = np.abs(ours.norms - theirs.norms) / np.maximum(theirs.norms, 1e-6)
    lengths = np.abs(np.linalg.norm(ours.embeddings, axis=1) - 1)
    # Written so that NaN, which compares with nothing, does not agree.
    close = (cosines >= LEAST_COSINE) & (drift <= NORM_TOLERANCE) & (lengths <= NORM_TOLERANCE)
    if not close.all():
        raise Differs(
            f"its answers differ from ONNX Runtime's, cosine {cosines.min():.6f}, norms by up to "
            f"{drift.max():.2%}"
        )
