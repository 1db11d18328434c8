"""The Python client, sync and async, against a running service."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import pytest

from adaface_client import ProblemError, answer, async_pages, connect, pages, photograph
from adaface_client.generated import AuthenticatedClient
from adaface_client.generated.api.faces import embed_batch, identify_faces, verify_faces
from adaface_client.generated.api.gallery import (
    create_collection,
    create_person,
    delete_collection,
    enroll_face,
    list_persons,
)
from adaface_client.generated.api.system import list_models
from adaface_client.generated.models import (
    CollectionBody,
    EmbedBatchFilesBody,
    EnrollFaceFilesBody,
    IdentifiedDecision,
    PersonBody,
    VerificationDecision,
    VerifyFacesFilesBody,
)
from service.documents import ROOT
from tests import photographs
from tests.service.serving import Server
from tests.service.wire import metric, settles

People = dict[str, list[bytes]]


def test_two_people_are_enrolled_verified_and_identified(
    url: str, key: str, people: People
) -> None:
    with connect(url, key) as client:
        answer(create_collection.sync_detailed(client=client, body=CollectionBody(id="sync")))
        for name, images in people.items():
            made = answer(
                create_person.sync_detailed("sync", client=client, body=PersonBody(name=name))
            )
            files = EnrollFaceFilesBody(images=[photograph(each) for each in images])
            done = answer(enroll_face.sync_detailed("sync", made.id, client=client, body=files))
            assert len(done.faces) == len(images)
        source, target = (photograph(each) for each in people["eileen"])
        body = VerifyFacesFilesBody(source=source, target=target)
        verified = answer(verify_faces.sync_detailed(client=client, body=body))
        assert verified.decision is VerificationDecision.MATCH
        probe = photograph(people["ann"][0])
        found = answer(identify_faces.sync_detailed(client=client, body=probe, collection="sync"))
        [result] = found.results
        assert result.decision is IdentifiedDecision.MATCH
        assert result.candidates[0].person.name == "ann"


def test_a_list_is_read_page_after_page(url: str, key: str) -> None:
    with connect(url, key) as client:
        answer(create_collection.sync_detailed(client=client, body=CollectionBody(id="pages")))
        for n in range(5):
            person = PersonBody(id=f"p{n}")
            answer(create_person.sync_detailed("pages", client=client, body=person))
        listed = pages(
            lambda after: list_persons.sync_detailed("pages", client=client, after=after, limit=2)
        )
        assert [[each.id for each in page.items] for page in listed] == [
            ["p0", "p1"],
            ["p2", "p3"],
            ["p4"],
        ]


def test_a_problem_is_an_exception_that_says_what_to_do(url: str, key: str, people: People) -> None:
    with connect(url, key) as client:
        answer(create_collection.sync_detailed(client=client, body=CollectionBody(id="twins")))
        for name in ("one", "other"):
            answer(create_person.sync_detailed("twins", client=client, body=PersonBody(id=name)))
        image = photograph(people["eileen"][0])
        answer(enroll_face.sync_detailed("twins", "one", client=client, body=image))
        with pytest.raises(ProblemError) as raised:
            answer(enroll_face.sync_detailed("twins", "other", client=client, body=image))
    assert (raised.value.status, raised.value.slug) == (409, "duplicate-person")
    assert raised.value.extra["candidates"][0]["person"]["id"] == "one"
    assert raised.value.request_id
    assert raised.value.detail in str(raised.value)


def test_a_wrong_key_is_a_problem_too(url: str) -> None:
    with connect(url, "wrong") as client, pytest.raises(ProblemError) as raised:
        answer(list_models.sync_detailed(client=client))
    assert raised.value.slug == "unauthenticated"


def test_all_of_it_can_be_awaited_and_cancelled(
    running: Server, url: str, key: str, people: People
) -> None:
    asyncio.run(_awaited(running, connect(url, key), people))


async def _awaited(running: Server, connection: AuthenticatedClient, people: People) -> None:
    async with connection as client:
        made = await create_collection.asyncio_detailed(
            client=client, body=CollectionBody(id="async")
        )
        assert made.status_code is HTTPStatus.CREATED
        for name, images in people.items():
            person = PersonBody(id=name)
            answer(await create_person.asyncio_detailed("async", client=client, body=person))
            image = photograph(images[0])
            answer(await enroll_face.asyncio_detailed("async", name, client=client, body=image))
        probe = photograph(people["eileen"][1])
        found = answer(
            await identify_faces.asyncio_detailed(client=client, body=probe, collection="async")
        )
        assert found.results[0].candidates[0].person.id == "eileen"
        listed = async_pages(
            lambda after: list_persons.asyncio_detailed(
                "async", client=client, after=after, limit=1
            )
        )
        assert [each.id async for page in listed for each in page.items] == ["eileen", "ann"]
        await _cancelled(running, client)
        answer(await delete_collection.asyncio_detailed("async", client=client))


async def _cancelled(running: Server, client: AuthenticatedClient) -> None:
    """The service drops what it does for a request that its caller gave up."""
    left = 'face_requests_refused_total{reason="disconnected"}'
    before = await asyncio.to_thread(metric, running, left)
    body = EmbedBatchFilesBody(images=[photograph(photographs.group())] * 40)
    asked = asyncio.create_task(embed_batch.asyncio_detailed(client=client, body=body))
    assert await asyncio.to_thread(settles, running, "http_server_active_requests", 1)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await asyncio.to_thread(settles, running, "http_server_active_requests", 0)
    assert await asyncio.to_thread(metric, running, left) == before + 1


def test_what_it_takes_and_answers_is_typed(tmp_path: Path) -> None:
    """mypy knows an answer's fields, and refuses one that is not there."""
    program = tmp_path / "program.py"
    program.write_text(
        "from adaface_client import answer, connect, pages\n"
        "from adaface_client.generated.api.gallery import list_persons\n"
        "with connect('http://127.0.0.1') as client:\n"
        "    for page in pages(lambda after: list_persons.sync_detailed('x', client=client, after=after)):\n"
        "        reveal_type(page.items[0].face_count)\n"
        "        page.items[0].faces\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(program)]
    environment = {"MYPYPATH": str(ROOT / "clients" / "python"), "MYPY_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert 'Revealed type is "int"' in done.stdout.replace("builtins.int", "int"), done.stdout
    assert '"Person" has no attribute "faces"' in done.stdout
    assert "Found 1 error in 1 file" in done.stdout
