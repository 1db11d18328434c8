"""What the system lets the process have: files, memory, cores."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from service.doctor.finding import Finding, Findings
from service.settings import Settings

FILES = 200  # descriptors beside those of connections
BASE = 600_000_000  # bytes: interpreter, libraries and the arenas of both networks
GROUP = Path("/sys/fs/cgroup")


def descriptors(settings: Settings) -> Findings:
    """Each connection takes one, those that wait for their turn included."""
    wanted = 4 * settings.max_requests + FILES
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < wanted:
        yield Finding(
            "problem",
            "files",
            f"{limit} open files are allowed, and FACE_MAX_REQUESTS={settings.max_requests} needs "
            f"{wanted}: raise it with 'ulimit -n {wanted}' or LimitNOFILE=.",
        )
    else:
        allowed = "Any number of" if limit == resource.RLIM_INFINITY else limit
        yield Finding("ok", "files", f"{allowed} open files are allowed, {wanted} are enough.")


def memory(settings: Settings) -> Findings:
    wanted, there = _needed(settings), _memory()
    sentence = f"{there / 1e9:,.1f} GB of memory, and about {wanted / 1e9:,.1f} GB are needed"
    if there < wanted:
        yield Finding(
            "warning",
            "memory",
            f"{sentence} before anybody is enrolled: give it more, or lower "
            "FACE_MAX_PIXELS_IN_FLIGHT and FACE_MAX_BODY_BYTES_IN_FLIGHT.",
        )
    else:
        yield Finding("ok", "memory", f"{sentence} before anybody is enrolled.")


def cores(settings: Settings) -> Findings:
    """A container's quota is not seen by the count of cores, and too many threads wait for it."""
    quota = _quota()
    if quota is not None and settings.compute_threads > max(1, round(quota)):
        yield Finding(
            "warning",
            "cores",
            f"{settings.compute_threads} threads share a quota of {quota:g} cores: set "
            f"FACE_THREADS={max(1, round(quota))}.",
        )
    else:
        yield Finding("ok", "cores", f"{settings.compute_threads} threads compute.")


def _needed(settings: Settings) -> int:
    """6 bytes a pixel while it is decoded, see FACE_MAX_PIXELS_IN_FLIGHT; three times the networks."""
    bundles = [each for each in (settings.bundle, settings.next_bundle) if each is not None]
    networks = sum(path.stat().st_size for each in bundles for path in each.glob("*.onnx"))
    in_flight = 6 * settings.max_pixels_in_flight + settings.max_body_bytes_in_flight
    return BASE + in_flight + 3 * networks


def _memory() -> int:
    """What the machine has, or the control group allows."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read("memory.max")
    return min(there, int(limit)) if limit.isdigit() else there


def _quota() -> float | None:
    """Cores' worth of time the control group allows; None where it allows all."""
    parts = _read("cpu.max").split()
    if len(parts) == 2 and parts[0].isdigit():
        return int(parts[0]) / int(parts[1])
    return None


def _read(name: str) -> str:
    try:
        return (GROUP / name).read_text().strip()
    except OSError:
        return ""
