"""10,000 requests with different options at once, each compared with its answer alone, to the last bit.

`python tests/benchmarks/interleaved.py [--requests N] [--seed N]`; exits with 1 if one differs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from service.runtime import open_networks, open_pipeline
from service.settings import Settings
from tests import interleaving


async def differing(count: int, seed: int) -> int:
    """How many of `count` requests were answered otherwise than alone."""
    settings = Settings()
    networks = open_networks(settings)
    asked = interleaving.requests(count, seed)
    different = list(dict.fromkeys(asked))
    async with open_pipeline(
        settings, networks.detector, networks.recognizer, networks.bundle.manifest.quality
    ) as pipeline:
        alone = await interleaving.answers(pipeline, different, at_once=1)
        started = time.monotonic()
        together = await interleaving.answers(pipeline, asked, at_once=64)
    expected = dict(zip(different, alone, strict=True))
    wrong = sum(answer != expected[each] for each, answer in zip(asked, together, strict=True))
    print(
        f"{count} requests, {len(different)} of them different, with {len(set(alone))} answers, "
        f"64 at once in {time.monotonic() - started:.0f} s: {wrong} differ from the answer alone"
    )
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    sys.exit(asyncio.run(differing(asked.requests, asked.seed)) > 0)


if __name__ == "__main__":
    main()
