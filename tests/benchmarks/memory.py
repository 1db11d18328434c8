"""24 concurrent 40-megapixel PNGs, and many large bodies: how much memory they take above idle.

`python -m tests.benchmarks.memory`. First as the service comes, which refuses 40 megapixels by the
header; then with FACE_MAX_PIXELS=50000000, where the budget of pixels in flight holds them back.
Last 60 bodies of 14 MB. Ends with one line of figures; exit status 1 if a bar is missed.
"""

from __future__ import annotations

import io
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests import photographs
from tests.bench.bars import Bar, line
from tests.bench.served import megabytes
from tests.service.serving import Server

CLIENTS, SIDES = 24, (8000, 5000)


def large() -> bytes:
    """A 40-megapixel PNG that holds one face and compresses well."""
    with PIL.Image.open(io.BytesIO(photographs.astronaut())) as face:
        picture = PIL.Image.new("RGB", SIDES, (90, 100, 110))
        picture.paste(face.convert("RGB"), (3000, 2000))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def asked(running: Server, bodies: list[bytes]) -> list[int]:
    """The statuses of that many requests at once."""
    url = running.client.base_url.join("/embed")

    def post(body: bytes) -> int:
        try:
            return httpx.post(
                url, content=body, headers={"Content-Type": "image/png"}, timeout=300
            ).status_code
        except httpx.TransportError:
            return 0

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(post, bodies))


def measure(name: str, bodies: list[bytes], expected: set[int], **settings: Any) -> list[Bar]:
    """The peak of resident memory above that of an idle service that has answered before."""
    with tempfile.TemporaryDirectory() as directory:
        running = Server(
            Path(directory) / "log",
            data_dir=Path(directory) / "data",
            **settings,
        )
        try:
            asked(running, [photographs.astronaut()] * 4)
            idle = megabytes(running)
            statuses = asked(running, bodies)
            grown = megabytes(running, "VmHWM") - idle
        finally:
            running.stop()
    print(name, f"idle {idle:.0f} MB;", {each: statuses.count(each) for each in set(statuses)})
    unexpected = sum(status not in expected for status in statuses)
    return [
        Bar(name=name, promise=name, value=grown, bound=300, direction="at most", unit="MB"),
        Bar(name=f"{name}:unexpected", promise="", value=unexpected, bound=0, direction="at most"),
    ]


def main() -> None:
    body = large()
    noise = np.random.default_rng(0).bytes(14_000_000)
    patient = {"max_wait_seconds": 600}
    found = [
        *measure("refused", [body] * CLIENTS, {413, 503}),
        *measure("decoded", [body] * CLIENTS, {200, 503}, max_pixels=50_000_000),
        *measure("waiting", [body] * CLIENTS, {200}, max_pixels=50_000_000, **patient),
        *measure("bodies", [noise] * 60, {400, 503}, **patient),
    ]
    print(line(found).replace("bench:", "memory:"))
    sys.exit(any(bar.verdict == "missed" for bar in found))


if __name__ == "__main__":
    main()
