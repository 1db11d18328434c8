"""Enrollments that are repeated, because the answer was lost in a kill or a cut: each has one effect."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Final, TypeAlias
from uuid import uuid4

from service.gallery import killpoints
from tests.faults import crops
from tests.faults.bar import Verdict, judged, tracked
from tests.faults.client import PERSONS, Client
from tests.faults.oracle import Findings
from tests.faults.served import Served

POINTS: Final = (killpoints.BEFORE_COMMIT, killpoints.AFTER_COMMIT, killpoints.AFTER_INDEX)
_LONGEST: Final = 0.02  # seconds until a connection is cut; an enrollment takes 5 ms
_COMMITS: Final = (2, 20)  # after how many a server ends itself
Told: TypeAlias = tuple[int, bytes, str | None]  # status, body, Location


@dataclass(frozen=True)
class Enrollment:
    """One change, and the key that all its requests have."""

    person: str
    seed: int
    key: str = field(default_factory=lambda: uuid4().hex)

    def send(self, connection: HTTPConnection, *, as_form: bool) -> None:
        """A form has another boundary each time."""
        image, kind = crops.png(self.seed), "image/png"
        if as_form:
            boundary = uuid4().hex.encode()
            head = b'Content-Disposition: form-data; name="image"; filename="a.png"'
            image = b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (boundary, head, image, boundary)
            kind = f"multipart/form-data; boundary={boundary.decode()}"
        headers = {"Content-Type": kind, "Idempotency-Key": self.key}
        path = f"{PERSONS}/{self.person}/faces?aligned=true"
        connection.request("POST", path, image, headers)


class Retries:
    """One data directory, whose servers end themselves one after the other."""

    def __init__(self, scratch: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.directory, self.bundle = scratch / "data", crops.bundle_in(scratch)
        self.findings = Findings()
        self.kills = self.cuts = self.done_before = 0
        self.running = self._started()

    def enroll(self, number: int) -> None:
        """Creates a person, and enrolls a face with answers that nobody waits for."""
        change = Enrollment(f"p{number}", self.dice.randrange(2**31))
        body, headers = json.dumps({"id": change.person}), {"Idempotency-Key": uuid4().hex}
        self._until_answered(
            lambda connection: connection.request(
                "POST", PERSONS, body, headers | {"Content-Type": "application/json"}
            )
        )
        self._cut(change)
        self.done_before += self._faces(change.person)
        as_form = self.dice.random() < 0.5
        told = {
            self._until_answered(lambda connection: change.send(connection, as_form=as_form))
            for _ in range(2)
        }
        if len(told) > 1:
            self.findings.add("differing", f"{change.person} was told {told}")

    def count(self, people: int) -> None:
        """What is there in the end: one face of each person."""
        self.running.kill()
        self.running = Served(self.directory, self.bundle)
        client = Client(self.running.address)
        present = client.persons()
        client.close()
        self.running.stop()
        for number in range(people):
            faces = present.get(f"p{number}", 0)
            if faces != 1:
                kind = "duplicates" if faces > 1 else "lost"
                self.findings.add(kind, f"p{number} has {faces} faces")

    def _started(self) -> Served:
        point = f"{self.dice.choice(POINTS)}:{self.dice.randint(*_COMMITS)}"
        running = Served(self.directory, self.bundle, point)
        return running if running.address else self._started()

    def _cut(self, change: Enrollment) -> None:
        connection = self._connection()
        try:
            change.send(connection, as_form=self.dice.random() < 0.5)
            time.sleep(self.dice.uniform(0, _LONGEST))
        except OSError:
            return  # the server has just ended
        finally:
            connection.close()
        self.cuts += 1

    def _until_answered(self, send: Callable[[HTTPConnection], None]) -> Told:
        """What is told at last; servers that end meanwhile are started again."""
        while True:
            connection = self._connection()
            try:
                send(connection)
                told = _told(connection.getresponse())
            except (OSError, HTTPException):
                self.running.kill()
                self.kills += 1
                self.running = self._started()
                continue
            finally:
                connection.close()
            if told[0] not in (201, 503):
                kind = "conflicts" if told[0] in (409, 422) else "refused"
                self.findings.add(kind, str(told))
            if told[0] != 503:
                return told

    def _faces(self, person: str) -> int:
        """How many the person has now; 0 while there is no server."""
        connection = self._connection()
        try:
            connection.request("GET", f"{PERSONS}/{person}")
            return int(json.loads(connection.getresponse().read())["face_count"])
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        host, _, port = self.running.address.rpartition(":")
        return HTTPConnection(host, int(port), timeout=60)


def _told(answer: HTTPResponse) -> Told:
    return answer.status, answer.read(), answer.getheader("Location")


def run(scratch: Path, seed: int, enrollments: int) -> Verdict:
    retries = Retries(scratch, seed)
    for number in tracked(range(enrollments), "retries", enrollments):
        retries.enroll(number)
    retries.count(enrollments)
    return judged(
        "retries",
        retries.findings,
        ("duplicates", "lost", "conflicts", "differing", "refused"),
        enrolled=enrollments,
        kills=retries.kills,
        cuts=retries.cuts,
        done_before=retries.done_before,
    )
