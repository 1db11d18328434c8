"""A client that knows which answers arrived: a connection of its own, no retries."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.faults import crops

PERSONS = "/collections/default/persons"
_MOST_PROBES = 100
_PATIENCE = 30.0


class Answer(NamedTuple):
    status: int
    document: Any  # None where the body was empty or did not arrive

    @property
    def acknowledged(self) -> bool:
        return 200 <= self.status < 300


class Gone(ConnectionError):
    """The connection ended before a status arrived: what was asked may or may not be done."""


class Client:
    """Calls to the collection `default` at `host:port`."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._connection = HTTPConnection(host, int(port), timeout=60)

    def call(
        self, method: str, path: str, body: object = None, request_id: str | None = None
    ) -> Answer:
        """Sends bytes as PNG and anything else as JSON. Raises Gone."""
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Content-Type": "image/png" if raw is body else "application/json"}
        if request_id:
            headers["X-Request-ID"] = request_id
        try:
            self._connection.request(method, path, raw, headers)
            answer = self._connection.getresponse()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise Gone(str(error)) from error
        try:
            read = answer.read()
            return Answer(answer.status, json.loads(read) if read else None)
        except (OSError, HTTPException, ValueError):
            self._connection.close()
            return Answer(answer.status, None)

    def create(self, person: str, request_id: str | None = None, **fields: object) -> Answer:
        return self.call("POST", PERSONS, {"id": person, **fields}, request_id)

    def enroll(self, person: str, seed: int, request_id: str | None = None) -> Answer:
        path = f"{PERSONS}/{person}/faces?aligned=true"
        return self.call("POST", path, crops.png(seed), request_id)

    def delete(self, person: str, request_id: str | None = None) -> Answer:
        return self.call("DELETE", f"{PERSONS}/{person}", None, request_id)

    def delete_face(self, person: str, face: str, request_id: str | None = None) -> Answer:
        return self.call("DELETE", f"{PERSONS}/{person}/faces/{face}", None, request_id)

    def persons(self) -> dict[str, int]:
        """The number of faces of each person listed."""
        return {item["id"]: item["face_count"] for item in self._items(PERSONS)}

    def faces(self, person: str) -> list[str]:
        return [item["id"] for item in self._items(f"{PERSONS}/{person}/faces")]

    def search(
        self, probes: Sequence[NDArray[np.float32]], limit: int = 100
    ) -> list[dict[str, float]]:
        """For each (192,) probe the cosine of each person found, best first."""
        found: list[dict[str, float]] = []
        for first in range(0, len(probes), _MOST_PROBES):
            found += self._search(probes[first : first + _MOST_PROBES], limit)
        return found

    def _search(
        self, probes: Sequence[NDArray[np.float32]], limit: int
    ) -> Iterator[dict[str, float]]:
        sent = [base64.b64encode(probe.astype("<f4").tobytes()).decode() for probe in probes]
        path = f"/identify?threshold=-1&limit={limit}"
        answer = self._read(path, {"embeddings": sent})
        if not answer.acknowledged:
            raise AssertionError(f"a search was refused: {answer}")
        for result in answer.document["results"]:
            yield {each["person"]["id"]: each["similarity"] for each in result["candidates"]}

    def _read(self, path: str, body: object) -> Answer:
        """The answer once the collection has been read."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            answer = self.call("POST", path, body)
            if answer.status != 503 or time.monotonic() > deadline:
                return answer
            time.sleep(0.02)

    def _items(self, path: str) -> Iterator[Any]:
        after = ""
        while True:
            answer = self.call("GET", f"{path}?limit=1000{after}")
            if not answer.acknowledged:
                raise AssertionError(f"a listing was refused: {answer}")
            yield from answer.document["items"]
            if (following := answer.document["next"]) is None:
                return
            after = f"&after={following}"

    def close(self) -> None:
        self._connection.close()
