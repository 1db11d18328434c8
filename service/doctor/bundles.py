"""The model bundle: its sums, its golden vectors, and what it is calibrated for."""

from __future__ import annotations

from models.bundle import Bundle
from service.doctor.finding import Finding, Findings
from service.errors import StartupError
from service.runtime import check_rates, open_networks, uncalibrated
from service.settings import Settings


def bundle(settings: Settings) -> Findings:
    yield from _examined(settings, "bundle")


def next_bundle(settings: Settings) -> Findings:
    if settings.next_bundle is not None:
        following = settings.model_copy(update={"bundle": settings.next_bundle})
        yield from _examined(following, "next bundle")


def _examined(settings: Settings, name: str) -> Findings:
    # On the CPU and without conversions: the files are asked, not the hardware, and nothing is kept.
    plain = settings.model_copy(update={"provider": "cpu", "engine": "onnxruntime"})
    try:
        found = open_networks(plain).bundle
    except StartupError as error:
        yield Finding("problem", name, str(error))
        return
    yield Finding("ok", name, f"{found.manifest.id}: files and golden vectors are as described.")
    yield from _calibration(settings, found, name)


def _calibration(settings: Settings, found: Bundle, name: str) -> Findings:
    if (warning := uncalibrated(found)) is not None:
        yield Finding("warning", name, f"{warning}.")
    if (score := found.manifest.score) is None:
        return
    try:
        check_rates(settings, found)
    except StartupError as error:
        yield Finding("problem", name, str(error))
        return
    rate = f"FACE_FMR={settings.fmr:g}"
    if score.supported(settings.fmr):
        yield Finding("ok", name, f"Its calibration, on {score.data}, supports {rate}.")
    else:
        yield Finding(
            "warning",
            name,
            f"{rate} is extrapolated from {score.impostors:,} comparisons: raise it, or calibrate "
            f"on more people with 'adaface calibrate {found.directory} --images DIR --again'.",
        )
