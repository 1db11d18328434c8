"""Runs the application: everything that can fail does so before the first request, in one line."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import math
import signal
import socket
import sys
from contextlib import suppress
from time import monotonic, perf_counter
from types import FrameType

import uvicorn

from service import logs, tracing
from service.app import create_app
from service.connection import Connection
from service.errors import AddressInUse, StartupError
from service.health import Health
from service.runtime import Runtime, open_runtime, unguarded
from service.settings import Settings

log = logging.getLogger("service")
BACKLOG = 2048
DRAIN_SECONDS = 30  # for requests in progress; then they are cut off
LATE_SECONDS = 0.3  # for requests on their way when listening ends
FIRST_SECONDS = 2.0  # for the first request of a new connection


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the requests in progress.

    Raises StartupError where the address, the bundle or the data directory cannot be used.
    """
    started = perf_counter()
    logs.configure(settings.log_level, settings.log_format)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn drains, then raises the signal again for whoever handled it before: us. Leaving
        # by an exception closes the gallery; the default would end the process on the spot.
        signal.signal(number, lambda *_: sys.exit(0))
    with (
        tracing.running(),
        bound(settings.host, settings.port) as listener,
        open_runtime(settings) as runtime,
    ):
        address = ":".join(str(part) for part in listener.getsockname()[:2])
        bundle = runtime.networks.bundle.manifest.id
        if warning := unguarded(runtime):
            log.warning(warning)
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
    health = Health()
    config = uvicorn.Config(
        create_app(runtime, health),
        http=Connection,
        lifespan="on",
        access_log=False,  # its lines have paths and queries; ours have routes
        log_level="error",  # its warnings are a line for each stranger who speaks no HTTP
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    _Server(config, health, runtime.settings.drain_seconds).run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn, which drains without cutting anybody off and looks after slow connections."""

    def __init__(self, config: uvicorn.Config, health: Health, drain_seconds: float) -> None:
        super().__init__(config)
        self._health, self._drain_seconds = health, drain_seconds
        self._leave_at = math.inf

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and takes what is there by now out of the garbage collector's sight.

        A full collection looked at 146,000 objects for 77 ms, in which nothing was answered.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal starts the draining, which a second one cuts short."""
        if self._health.draining or self._drain_seconds == 0:
            return super().handle_exit(sig, frame)
        self._health.draining = True
        self._leave_at = monotonic() + self._drain_seconds
        return None

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second."""
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in self._connections():
                connection.sweep(now)
        if monotonic() >= self._leave_at and not self.should_exit:
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops listening, then serves whoever had connected.

        uvicorn alone would reset the connections that the kernel has made and nobody has taken
        yet, and close those whose first request is a packet away.
        """
        self._health.draining = True
        spare = [each.dup() for each in sockets or ()]  # keeps the kernel's queue from being reset
        for listening in self.servers:
            listening.close()
        for each in spare:
            await self._take_waiting(each)
        await self._hear_out()
        await super().shutdown(sockets)

    async def _take_waiting(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        with listener, suppress(BlockingIOError):
            while True:
                accepted, _ = listener.accept()
                await loop.connect_accepted_socket(self._connection, accepted)

    def _connection(self) -> Connection:
        state = self.lifespan.state
        return Connection(config=self.config, server_state=self.server_state, app_state=state)

    async def _hear_out(self) -> None:
        """Waits for requests that were sent, and longer for those who have not asked yet."""
        for _ in range(math.ceil(FIRST_SECONDS / LATE_SECONDS)):
            await asyncio.sleep(LATE_SECONDS)
            if all(connection.used for connection in self._connections()):
                return

    def _connections(self) -> list[Connection]:
        return [each for each in self.server_state.connections if isinstance(each, Connection)]
