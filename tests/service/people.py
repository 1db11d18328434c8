"""Several real people to tell apart: those of the group photograph, and the astronaut."""

from __future__ import annotations

import io

import httpx
import PIL.Image

from tests import photographs

PNG = {"Content-Type": "image/png"}


def members(client: httpx.Client) -> list[bytes]:
    """A photograph of each of the six people of the group, the largest face first."""
    group = PIL.Image.open(io.BytesIO(photographs.group())).convert("RGB")
    answer = client.post(
        "/detect", content=photographs.group(), headers={"Content-Type": "image/jpeg"}
    )
    return [_around(group, face["bbox"]) for face in answer.json()["faces"]]


def _around(group: PIL.Image.Image, box: dict[str, float]) -> bytes:
    """The face with half its width of what is around it, twice as large, as a PNG."""
    margin = box["width"] / 2
    edges = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    part = group.crop(
        tuple(round(e + d) for e, d in zip(edges, (-margin, -margin, margin, margin), strict=True))
    )
    buffer = io.BytesIO()
    part.resize((2 * part.width, 2 * part.height), PIL.Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def created(client: httpx.Client, collection: str, *persons: str) -> None:
    for person in persons:
        answer = client.post(
            f"/collections/{collection}/persons", json={"id": person, "name": person}
        )
        assert answer.status_code == 201, answer.text


def enroll(
    client: httpx.Client, collection: str, person: str, *images: bytes, **query: object
) -> httpx.Response:
    """Enrolls images of a person who is there."""
    path = f"/collections/{collection}/persons/{person}/faces"
    return client.post(path, files=[("images", image) for image in images], params=query)


def faces(client: httpx.Client, collection: str, person: str) -> int:
    path = f"/collections/{collection}/persons/{person}"
    return int(client.get(path).json()["face_count"])
