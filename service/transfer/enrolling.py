"""Enrolls a folder over HTTP, several requests at a time, and no photograph twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from service.transfer.folders import Subject
from service.transfer.journal import Journal
from service.transfer.remote import Refused, Remote

Advance = Callable[[int], object]  # by so many photographs
# What is wrong with the photographs of one request, and no reason to stop.
_OWN: Final = frozenset({
    "empty-image", "undecodable-image", "unsupported-image", "image-too-large", "not-aligned",
    "no-face-found", "several-faces-found", "low-quality", "nothing-enrolled", "body-too-large",
    "template-corrupt", "person-not-found", "deadline-exceeded", "duplicate-person",
    "identity-conflict",
})  # fmt: skip
_SPENT: Final = "idempotency-key-spent"  # enrolled by an earlier run, and a face deleted since


class Image(NamedTuple):
    """A photograph's file and content."""

    path: Path
    body: bytes
    checksum: str  # SHA-256 in hex


@dataclass(frozen=True, slots=True)
class Rejected:
    """A photograph that was not enrolled, and what to do about it."""

    file: str
    reasons: list[str]
    advice: str


@dataclass(slots=True)
class Told:
    """What became of the photographs; `known` were enrolled by an earlier run, or came twice."""

    persons: int = 0
    enrolled: int = 0
    known: int = 0
    rejected: list[Rejected] = field(default_factory=list)


class Enrolling:
    """One run over a folder."""

    def __init__(
        self,
        remote: Remote,
        collection: str,
        journal: Journal,
        advance: Advance,
        query: dict[str, Any],
    ) -> None:
        """`query` goes with every enrollment, such as `largest`."""
        self._remote, self._journal, self._advance = remote, journal, advance
        self._persons = f"/collections/{collection}/persons"
        self._query = {"lane": "bulk", **query}
        self._stopping = False
        self.told = Told()

    async def run(self, subjects: Sequence[Subject], in_flight: int) -> Told:
        """Enrolls everybody, or as many as there is time for until `stop`. Raises TransferFailed."""
        await self._remote("GET", self._persons, params={"limit": 1})  # or one line instead of many
        rest = iter(subjects)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(in_flight):
                    group.create_task(self._work(rest))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several
        return self.told

    def stop(self) -> None:
        """Sends no more; what is on its way is still waited for, and remembered."""
        self._stopping = True

    async def _work(self, rest: Iterator[Subject]) -> None:
        for subject in rest:
            created = await self._created_at(subject)
            for batch in subject.batches():
                if self._stopping:
                    return
                images = await asyncio.to_thread(_read, batch)
                await self._enroll(subject.id, created, self._unknown(subject.id, created, images))
                self._advance(len(batch))
            self.told.persons += 1

    async def _created_at(self, subject: Subject) -> str:
        """When the person was created, now if they are missing: a deleted one is another person."""
        try:
            answer = await self._remote("GET", f"{self._persons}/{subject.id}")
        except Refused as error:
            if error.slug != "person-not-found":
                raise
            body = {"id": subject.id, "name": subject.name[:255]}
            answer = await self._created(body)
        return str(answer.json()["created_at"])

    async def _created(self, body: dict[str, str]) -> Any:
        try:
            return await self._remote("POST", self._persons, json=body)
        except Refused as error:
            if error.slug != "person-exists":  # another run was faster, or the answer got lost
                raise
            return await self._remote("GET", f"{self._persons}/{body['id']}")

    def _unknown(self, person: str, created: str, images: Sequence[Image]) -> list[Image]:
        known = self._journal.known(person, created)
        fresh = {each.checksum: each for each in images if each.checksum not in known}
        self.told.known += len(images) - len(fresh)
        return list(fresh.values())

    async def _enroll(self, person: str, created: str, images: Sequence[Image]) -> None:
        """In two halves where the service takes smaller bodies only, and without faces of others."""
        if not images:
            return None
        try:
            answer = await self._send(person, created, images)
            refused = answer.json()["rejected"]
        except Refused as error:
            if error.slug == "body-too-large" and len(images) > 1:
                half = len(images) // 2
                await self._enroll(person, created, images[:half])
                return await self._enroll(person, created, images[half:])
            odd = {each["index"] for each in error.document.get("images", ())}
            if odd and len(odd) < len(images):
                self._reject({n: images[n] for n in odd}, _reasons(error, len(images)))
                rest = [each for n, each in enumerate(images) if n not in odd]
                return await self._enroll(person, created, rest)
            refused = _reasons(error, len(images))
        self._keep(person, created, images, {each["index"]: each for each in refused})
        return None

    async def _send(self, person: str, created: str, images: Sequence[Image]) -> Any:
        """The key is of the photographs and the person, so that a repetition changes nothing."""
        sums = "\0".join([self._persons, person, created, str(self._query)])
        sums += "\0".join(each.checksum for each in images)
        return await self._remote(
            "POST",
            f"{self._persons}/{person}/faces",
            params=self._query,
            files=[("images", (each.path.name, each.body)) for each in images],
            headers={"Idempotency-Key": blake2b(sums.encode(), digest_size=24).hexdigest()},
        )

    def _keep(
        self, person: str, created: str, images: Sequence[Image], refused: dict[int, dict[str, Any]]
    ) -> None:
        kept = [each.checksum for n, each in enumerate(images) if n not in refused]
        if kept:
            self._journal.add(person, created, kept)
        self.told.enrolled += len(kept)
        self._reject({n: images[n] for n in refused}, refused.values())

    def _reject(self, images: Mapping[int, Image], why: Iterable[Mapping[str, Any]]) -> None:
        """Those of `images` by position, each for the reasons that are given for its position."""
        told = {each["index"]: each for each in why}
        self.told.rejected += [
            Rejected(str(image.path), list(told[n]["reasons"]), str(told[n]["advice"]))
            for n, image in sorted(images.items())
        ]


def _read(batch: Sequence[Path]) -> list[Image]:
    bodies = [(path, path.read_bytes()) for path in batch]
    return [Image(path, body, sha256(body).hexdigest()) for path, body in bodies]


def _reasons(error: Refused, count: int) -> list[dict[str, Any]]:
    """Why none of the photographs was enrolled. Raises what is not about them."""
    if error.slug == _SPENT:
        return []
    if error.slug not in _OWN:
        raise error
    if listed := error.document.get("rejected"):
        return list(listed)
    return [{"index": n, "reasons": [error.slug], "advice": str(error)} for n in range(count)]
