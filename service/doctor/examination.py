"""Every check, in the order in which a start would fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from service.doctor import access, bundles, data, environment, limits, packages, provider
from service.doctor.finding import Finding, Findings
from service.settings import Settings

Check = Callable[[Settings], Findings]
CHECKS: tuple[Check, ...] = (
    packages.python,
    packages.runtimes,
    packages.opencv,
    packages.engine,
    packages.traces,
    provider.driver,
    provider.computes,
    bundles.bundle,
    bundles.next_bundle,
    data.folder,
    data.space,
    data.root_key,
    data.holder,
    access.keys,
    access.address,
    limits.descriptors,
    limits.memory,
    limits.cores,
)


def examine(bundle: Path | None = None) -> list[Finding]:
    """Looks at the installation that the `FACE_*` variables describe.

    Settings that cannot be are findings; what they would have said is looked at with the defaults.
    `bundle` takes the place of FACE_BUNDLE. Nothing is changed or made, and nothing raised.
    """
    settings, found = environment.settings()
    if bundle is not None:
        settings = settings.model_copy(update={"bundle": bundle})
    for check in CHECKS:
        found += _run(check, settings)
    return found


def _run(check: Check, settings: Settings) -> list[Finding]:
    try:
        return list(check(settings))
    except Exception as error:  # noqa: BLE001 - a broken installation may raise anything
        name = check.__name__.replace("_", " ")
        return [Finding("problem", name, f"It cannot be checked: {type(error).__name__}: {error}.")]
