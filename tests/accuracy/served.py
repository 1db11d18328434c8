"""What the running service says of strangers, and of one person twice in a photograph."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import httpx
import numpy as np

from service.photographs import Photograph
from tests.service.serving import server

ENROLLED, STRANGERS, DOUBLES = 50, 100, 10
JPEG = {"content-type": "image/jpeg"}


class Served(NamedTuple):
    """Of `strangers` so many were given a name; of `doubles` photographs that show one person
    twice so many had the name twice under `assignment=unique`.
    """

    strangers: int
    named: int
    doubles: int
    twice: int


def ask(bundle: Path, photographs: Sequence[Photograph]) -> Served:
    """Enrolls 50 people by their first photograph, then searches."""
    people: dict[str, list[Path]] = {}
    for photograph in photographs:
        people.setdefault(photograph.person, []).append(photograph.path)
    several = [paths for paths in people.values() if len(paths) > 1][:ENROLLED]
    alone = [paths[0] for paths in people.values() if len(paths) == 1][:STRANGERS]
    with (
        tempfile.TemporaryDirectory(prefix="accuracy-") as scratch,
        server(Path(scratch) / "data", bundle=bundle) as running,
    ):
        enrolled = [_enroll(running.client, n, paths[0]) for n, paths in enumerate(several)]
        named = sum(_named(running.client, path.read_bytes()) > 0 for path in alone)
        doubles = [paths for paths, kept in zip(several, enrolled, strict=True) if kept]
        twice = sum(
            _named(running.client, _beside(*paths[:2]), assignment="unique") > 1
            for paths in doubles[:DOUBLES]
        )
    return Served(len(alone), named, len(doubles[:DOUBLES]), twice)


def _enroll(client: httpx.Client, number: int, path: Path) -> bool:
    persons = "/collections/default/persons"
    client.post(persons, json={"id": f"p{number}"}).raise_for_status()
    answer = client.post(f"{persons}/p{number}/faces", content=path.read_bytes(), headers=JPEG)
    return answer.is_success


def _named(client: httpx.Client, body: bytes, **query: str) -> int:
    """How many times the name that is given most is given."""
    answer = client.post("/identify", content=body, headers=JPEG, params=query)
    if answer.json().get("type", "").endswith("no-face-found"):
        return 0
    answer.raise_for_status()
    names = [
        each["candidates"][0]["person"]["id"]
        for each in answer.json()["results"]
        if each["decision"] == "match"
    ]
    return max((names.count(name) for name in names), default=0)


def _beside(first: Path, second: Path) -> bytes:
    """Two photographs side by side, as one JPEG."""
    images = [cv2.imread(str(path)) for path in (first, second)]
    height = min(image.shape[0] for image in images)
    return cv2.imencode(".jpg", np.hstack([image[:height] for image in images]))[1].tobytes()
