"""`adaface serve` with a recognizer that takes 100 ms for a batch, whatever the machine.

`python -m tests.benchmarks.stub`; overload can then be told from a slow computer.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from service import runtime, server
from service.settings import Settings, from_environment

SECONDS = 0.1
open_networks = runtime.open_networks


class Slow:
    """The recognizer, `SECONDS` later."""

    def __init__(self, recognizer: Any) -> None:
        self._recognizer = recognizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recognizer, name)

    def each(self, crops: Any) -> Any:
        time.sleep(SECONDS)
        return self._recognizer.each(crops)


def slowed(settings: Settings) -> runtime.Networks:
    """What `open_networks` opens, with the recognizer slowed down."""
    networks = open_networks(settings)
    slow: Any = Slow(networks.recognizer)
    return replace(networks, recognizer=slow)


if __name__ == "__main__":
    # Everything else is the service as it is started by an operator.
    runtime.open_networks = slowed
    server.serve(from_environment())
