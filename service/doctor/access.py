"""Who gets in: access keys, and the address the service listens on."""

from __future__ import annotations

import httpx

from service.doctor.finding import Finding, Findings
from service.errors import AddressInUse, StartupError
from service.runtime import is_loopback, open_access
from service.server import bound
from service.settings import Settings


def keys(settings: Settings) -> Findings:
    """Whether the keys can be read, and what holds where there are none."""
    try:
        access = open_access(settings)
    except StartupError as error:
        yield Finding("problem", "keys", str(error))
        return
    if access.closed:
        yield Finding("ok", "keys", f"{len(access)} work; requests without one are refused.")
    elif is_loopback(settings.host):
        yield Finding("ok", "keys", "There is none, and only this machine is listened to.")
    else:
        yield Finding(
            "warning",
            "keys",
            f"Everybody who reaches {settings.host} may do everything: run 'adaface keys create'.",
        )


def address(settings: Settings) -> Findings:
    """Whether the port is free, which takes it for a moment, or is a service's already."""
    where = f"{settings.host}, port {settings.port}"
    try:
        bound(settings.host, settings.port).close()
    except AddressInUse as error:
        if _serves(settings):
            yield Finding(
                "warning", "address", f"A service like this one answers on {where} already."
            )
        else:
            yield Finding("problem", "address", str(error))
    except StartupError as error:
        yield Finding("problem", "address", str(error))
    else:
        yield Finding("ok", "address", f"{where} is free.")


def _serves(settings: Settings) -> bool:
    """Whether what holds the port answers as this service does."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - asked, not bound
    shown = f"[{host}]" if ":" in host else host
    try:
        answer = httpx.get(f"http://{shown}:{settings.port}/livez", timeout=2, trust_env=False)
        return "waiting_for" in answer.json()
    except (httpx.HTTPError, ValueError):
        return False
