"""How the server behaves under load, with clients that leave, and when it is stopped."""

from __future__ import annotations

import io
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import PIL.Image

from tests import images, photographs

from .serving import Server, problem, server
from .wire import connected, head, received, settles

JPEG = {"Content-Type": "image/jpeg"}


def active(client: httpx.Client) -> float:
    [line] = [
        line
        for line in client.get("/metrics").text.splitlines()
        if line.startswith("http_server_active_requests ")
    ]
    return float(line.split()[1])


def raw_request(running: Server, body: bytes) -> socket.socket:
    """A request written by hand, so that the client can leave whenever it wants."""
    url = running.client.base_url
    connection = socket.create_connection((url.host, url.port), timeout=30)
    head = f"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_a_request_over_the_limit_is_told_when_to_return(tmp_path: Path) -> None:
    with server(tmp_path / "data", max_requests=1, max_wait_seconds=60) as running:
        with connected(running) as slow:
            slow.sendall(head(1000) + b"abc")
            assert settles(running, "http_server_active_requests", 1)
            with connected(running) as unsent:
                unsent.sendall(head(1_000_000))  # the headers decide
                refused = received(unsent)
            assert problem(refused) == (503, "overloaded")
            assert int(refused.headers["retry-after"]) >= 1
            assert running.client.get("/livez").status_code == 200
        assert settles(running, "http_server_active_requests", 0)
        served = running.client.post("/embed", content=photographs.astronaut(), headers=JPEG)
        assert served.status_code == 200


def test_clients_that_leave_do_not_harm_those_that_stay(running: Server) -> None:
    for _ in range(5):
        raw_request(running, photographs.group()).close()
    answer = running.client.post("/embed", content=photographs.astronaut(), headers=JPEG)
    assert len(answer.json()["faces"]) == 1
    deadline = time.monotonic() + 10
    while active(running.client) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert active(running.client) == 0


def test_concurrent_answers_equal_those_given_alone(running: Server) -> None:
    bodies = [photographs.astronaut(), photographs.group(), photographs.portrait()] * 4
    alone = [running.client.post("/embed", content=b, headers=JPEG).json() for b in bodies[:3]]
    with ThreadPoolExecutor(6) as pool:
        together = list(
            pool.map(
                lambda body: httpx.post(
                    running.client.base_url.join("/embed"), content=body, headers=JPEG, timeout=60
                ).json(),
                bodies,
            )
        )
    for n, answer in enumerate(together):
        expected = alone[n % 3]
        assert [f["bbox"] for f in answer["faces"]] == [f["bbox"] for f in expected["faces"]]
        for found, wanted in zip(answer["faces"], expected["faces"], strict=True):
            apart = max(
                abs(a - b) for a, b in zip(found["embedding"], wanted["embedding"], strict=True)
            )
            assert apart < 1e-4


def test_a_requests_threshold_does_not_reach_its_neighbours(running: Server) -> None:
    url, body = running.client.base_url.join("/detect"), photographs.group()

    def count(score: float) -> tuple[float, int]:
        query = {"min_detection_score": score}
        answer = httpx.post(url, content=body, headers=JPEG, params=query, timeout=60)
        return score, len(answer.json()["faces"])

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(count, [0.5, 0.99] * 15))
    assert answers == {(0.5, 6), (0.99, 0)}


def test_an_upload_needs_no_disk(tmp_path: Path) -> None:
    picture = PIL.Image.open(io.BytesIO(photographs.group()))
    body = images.encoded(picture, "PNG")
    assert len(body) > 1_000_000  # where Starlette turns to temporary files
    with server(tmp_path / "data") as running:
        running.fill_disk()
        answer = running.client.post("/embed", files={"image": body})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["faces"]) == 6


def test_stopping_finishes_the_requests_in_progress(tmp_path: Path) -> None:
    running = Server(tmp_path / "log", data_dir=tmp_path / "data")
    answers: list[httpx.Response] = []
    url = running.client.base_url.join("/embed")

    def post() -> None:
        answers.append(httpx.post(url, content=photographs.group(), headers=JPEG, timeout=60))

    callers = [threading.Thread(target=post) for _ in range(4)]
    for caller in callers:
        caller.start()
    deadline = time.monotonic() + 10
    while active(running.client) < 4 and not answers and time.monotonic() < deadline:
        time.sleep(0.005)
    assert running.stop(signal.SIGTERM) == 0
    for caller in callers:
        caller.join(60)
    assert [answer.status_code for answer in answers] == [200] * 4


def test_every_answer_carries_the_request_id_it_was_given(client: httpx.Client) -> None:
    assert (
        client.get("/livez", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    )
    unsafe = client.get("/livez", headers={"X-Request-ID": "a b<script>"}).headers["x-request-id"]
    assert unsafe != "a b<script>"


def test_metrics_name_routes_and_stages(client: httpx.Client) -> None:
    client.post("/embed", content=photographs.astronaut(), headers=JPEG)
    text = client.get("/metrics").text
    assert 'route="/embed",status="200"' in text
    for stage in ("decode", "detect", "embed"):
        assert f'face_stage_duration_seconds_count{{stage="{stage}"}}' in text


def test_the_bundle_is_described(client: httpx.Client) -> None:
    [model] = client.get("/models").json()["items"]
    rates = [point["fmr"] for point in model["thresholds"]]
    assert rates == sorted(rates, reverse=True)
    assert model["license"]
    assert model["training_data"]
    assert any(not point["supported"] for point in model["thresholds"])
