"""Requests written by hand, so that a client can be as slow or as rude as it wants."""

from __future__ import annotations

import socket
import time

import httpx

from .serving import Server


def connected(running: Server) -> socket.socket:
    url = running.client.base_url
    return socket.create_connection((url.host, url.port), timeout=30)


def head(size: int, path: str = "/embed") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: image/jpeg"]
    return "\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode()


def received(connection: socket.socket) -> httpx.Response:
    """What comes on the connection until it holds a whole answer."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += piece(connection)
    raw, _, body = got.partition(b"\r\n\r\n")
    status, *lines = raw.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    while len(body) < int(headers["content-length"]):
        body += piece(connection)
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)


def piece(connection: socket.socket) -> bytes:
    got = connection.recv(65536)
    assert got, "the connection was closed without an answer"
    return got


def closed(connection: socket.socket) -> bool:
    """Whether the server ends the connection; waits for it."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def metric(running: Server, name: str) -> float:
    lines = running.client.get("/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name + " ")), 0.0)


def settles(running: Server, name: str, value: float) -> bool:
    """Whether a gauge comes to `value`; those who left may be noticed a moment later."""
    patience = time.monotonic() + 20
    while metric(running, name) != value and time.monotonic() < patience:
        time.sleep(0.02)
    return metric(running, name) == value
