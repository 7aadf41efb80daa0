"""Bounds of connections: who holds them open locks nobody out. A real server on loopback with short times."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from undertone.app.server.connections import ConnectionBounds, bounded_protocol, raise_file_limit

SHORT = ConnectionBounds(total=60, per_address=40, head_seconds=1.0, body_seconds=1.0, body_bytes=100)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the body; `/large` with more than a socket takes, `/slow` after 2 s."""
    length = 0
    while True:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/slow":
        await asyncio.sleep(2)
    if scope["path"] == "/large":
        for _ in range(400):
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
    await send({"type": "http.response.body", "body": str(length).encode()})


@contextlib.contextmanager
def serving(bounds: ConnectionBounds) -> Iterator[tuple[str, int]]:
    """A server in a thread; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        echo, http=bounded_protocol(bounds), lifespan="off", log_level="critical", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with serving(SHORT) as where:
        yield where


def ask(address: tuple[str, int], path: str = "/", body: bytes = b"") -> bytes:
    with socket.create_connection(address, timeout=20) as connection:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ended_after(connection: socket.socket, send: bytes = b"", every: float = 0.2) -> float:
    """Seconds until the server closes a connection on which so much is sent so often."""
    began = time.monotonic()
    connection.settimeout(every)
    while time.monotonic() - began < 30:
        try:
            if not connection.recv(1000):
                break
        except TimeoutError:
            with contextlib.suppress(OSError):
                connection.sendall(send)
        except OSError:
            break
    return time.monotonic() - began


def test_a_connection_without_a_request_ends(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        assert 0.5 < ended_after(connection) < 10


def test_a_head_that_comes_byte_by_byte_ends(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nx: ")
        assert 0.5 < ended_after(connection, b"a") < 10


def test_a_second_head_that_comes_byte_by_byte_ends_too(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HTTP/1.1\r\nx: ")
        assert 0.5 < ended_after(connection, b"a") < 10


def test_a_body_that_hardly_comes_ends_and_one_that_comes_slowly_does_not(address: tuple[str, int]) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(head)
        assert 0.5 < ended_after(connection, b"a", every=0.3) < 10
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(head)
        for _ in range(10):
            connection.sendall(bytes(100))
            time.sleep(0.25)
        assert b"1000" in connection.recv(1000)


def test_an_answer_that_nobody_reads_ends() -> None:
    with (
        serving(ConnectionBounds(stalled_seconds=0.5)) as address,
        socket.create_connection(address, timeout=20) as connection,
    ):
        connection.sendall(b"POST /large HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        time.sleep(2)
        received = 0
        with contextlib.suppress(OSError):
            while chunk := connection.recv(65536):
                received += len(chunk)
        assert received < 40_000_000


def test_requests_that_take_long_and_pauses_between_them_are_allowed(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=20) as connection:
        for path in ("/", "/slow", "/"):
            connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(b"0\r\n\r\n"):
                answer += connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200")
            time.sleep(0.7)


def test_idle_connections_make_room_for_who_asks() -> None:
    """Of one address, far more than it may hold: the longest idle go, and a request is answered at once."""
    with serving(ConnectionBounds(total=60, per_address=40, head_seconds=60)) as address:
        held = [socket.create_connection(address) for _ in range(80)]
        began = time.monotonic()
        assert ask(address).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - began < 10
        for connection in held:
            connection.close()


def test_one_address_leaves_room_for_another() -> None:
    """127.0.0.2 is another address of this machine: its connections are never taken for the first one's."""
    with serving(ConnectionBounds(total=60, per_address=60, head_seconds=60)) as address:
        other = socket.create_connection(address, source_address=("127.0.0.2", 0), timeout=20)
        held = [socket.create_connection(address) for _ in range(80)]
        other.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert other.recv(1000).startswith(b"HTTP/1.1 200")
        for connection in (*held, other):
            connection.close()


def test_a_named_proxy_may_hold_what_all_may() -> None:
    bounds = ConnectionBounds(total=60, per_address=5, head_seconds=60, is_proxy="127.0.0.1".__eq__)
    with serving(bounds) as address:
        held = [socket.create_connection(address) for _ in range(20)]
        time.sleep(0.5)
        for connection in held:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
            connection.close()


def test_the_process_may_open_the_files_that_its_connections_need() -> None:
    assert 16 <= raise_file_limit(ConnectionBounds()) <= ConnectionBounds().total
