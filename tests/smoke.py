"""Does everything between pictures and an answer work? `make smoke` trains, then this looks.

Reads the finished run's metrics, serves its bundle by a real server and asks about people nobody
trained on. Ends with one line of figures; exit status 1 where one misses its bar.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from models.degradation import blur
from tests.service.serving import Server, server
from training.data.synthetic import Synthetic

LEAST_ACCURACY, LEAST_FALL, LEAST_RIGHT = 0.95, 2.0, 0.9
PNG = {"Content-Type": "image/png"}
PEOPLE, FIRST_UNSEEN = 20, 400


def png(crop: np.ndarray) -> bytes:
    return cv2.imencode(".png", crop[:, :, ::-1])[1].tobytes()


def measured(run: Path) -> dict[str, float]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    last = [row for row in rows if "validation/accuracy" in row][-1]
    return {
        "loss_first": losses[0],
        "loss_last": losses[-1],
        "accuracy": last["validation/accuracy"],
        "blur_spearman": last["validation/blur_spearman"],
    }


def served(running: Server) -> dict[str, float]:
    """Enrolls unseen people from one picture each and identifies them in another."""
    people = Synthetic(PEOPLE, 2, first=FIRST_UNSEEN)
    persons = "/collections/default/persons"
    right, query = 0, {"aligned": "true", "threshold": "-1"}
    for person in range(PEOPLE):
        running.client.post(persons, json={"id": f"p{person}"}).raise_for_status()
        running.client.post(
            f"{persons}/p{person}/faces",
            content=png(people.read(2 * person).image),
            headers=PNG,
            params={"aligned": "true"},
        ).raise_for_status()
    for person in range(PEOPLE):
        probe = png(people.read(2 * person + 1).image)
        answer = running.client.post("/identify", content=probe, headers=PNG, params=query)
        found = answer.raise_for_status().json()["results"][0]["candidates"]
        right += found[0]["person"]["id"] == f"p{person}"
    return {"rank_1": right / PEOPLE, "blur_norm_ratio": _blur_ratio(running, people)}


def _blur_ratio(running: Server, people: Synthetic) -> float:
    """The norm of blurred pictures over that of the same pictures, as the service tells them."""
    random = np.random.default_rng(0)
    crops = [people.read(2 * person).image for person in range(PEOPLE)]
    ratios = [_norm(running, blur(crop, 0.8, random)) / _norm(running, crop) for crop in crops]
    return float(np.median(ratios))


def _norm(running: Server, crop: np.ndarray) -> float:
    answer = running.client.post(
        "/embed", content=png(crop), headers=PNG, params={"aligned": "true"}
    )
    return float(answer.raise_for_status().json()["faces"][0]["quality"]["norm"])


def main() -> None:
    run = Path(sys.argv[1])
    found = measured(run)
    with (
        tempfile.TemporaryDirectory() as scratch,
        server(Path(scratch) / "data", bundle=run / "bundle") as running,
    ):
        found |= served(running)
    bars = {
        "loss falls": found["loss_last"] < found["loss_first"] - LEAST_FALL,
        "accuracy": found["accuracy"] > LEAST_ACCURACY,
        "blur lowers the norm": found["blur_spearman"] < 0 and found["blur_norm_ratio"] < 1,
        "service finds people": found["rank_1"] >= LEAST_RIGHT,
    }
    missed = [name for name, held in bars.items() if not held]
    figures = " ".join(f"{name}={value:.4g}" for name, value in found.items())
    print(f"smoke: {figures} {'missed: ' + ', '.join(missed) if missed else 'ok'}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
