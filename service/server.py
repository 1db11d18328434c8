"""Runs the application: everything that can fail does so before the first request, in one line."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import sys
from time import perf_counter

import uvicorn

from service.app import create_app
from service.errors import AddressInUse, StartupError
from service.runtime import Runtime, open_runtime
from service.settings import Settings

log = logging.getLogger("service")
BACKLOG = 2048
DRAIN_SECONDS = 30


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the requests in progress.

    Raises StartupError where the address, the bundle or the data directory cannot be used.
    """
    started = perf_counter()
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s"
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn drains, then raises the signal again for whoever handled it before: us. Leaving
        # by an exception closes the gallery; the default would end the process on the spot.
        signal.signal(number, lambda *_: sys.exit(0))
    with bound(settings.host, settings.port) as listener, open_runtime(settings) as runtime:
        address = ":".join(str(part) for part in listener.getsockname()[:2])
        bundle = runtime.networks.bundle.manifest.id
        log.info(
            "http://%s serves %s on %s, %d threads; ready in %.1f s",
            address,
            bundle,
            settings.provider,
            settings.compute_threads,
            perf_counter() - started,
        )
        _run(runtime, listener)


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; AddressInUse or StartupError where there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"Port {port} on {host} is in use; stop what listens there, or set FACE_PORT."
            ) from error
        raise StartupError(f"Cannot listen on {host}, port {port}: {error.strerror}.") from error
    return listener


def _run(runtime: Runtime, listener: socket.socket) -> None:
    config = uvicorn.Config(
        create_app(runtime),
        lifespan="on",
        access_log=runtime.settings.log_level == "debug",
        log_level="warning",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])
