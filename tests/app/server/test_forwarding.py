"""Passing on to the playground: bodies and streams as they come, ended when either side ends, headers checked."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn

from tests.app.split_site import NO_CERTIFICATES
from undertone.app.auth.sign_in import COOKIE
from undertone.app.auth.tickets import TICKET_HEADER, Tickets
from undertone.app.server.forwarding import Forwarding, log_loop_error, request_headers, response_headers
from undertone.app.server.front import _PrivateServer


@dataclass
class Playground:
    """What is behind: it echoes, streams for ever, and notes who has gone."""

    address: Path | None = None
    gone: threading.Event = field(default_factory=threading.Event)
    received: list[int] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [
            (b"content-type", b"text/plain"),
            (b"x-path", scope["raw_path"]),
            (b"x-query", scope["query_string"]),
        ]
        if scope["path"] == "/events":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await receive()
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone.set()
            return
        if scope["path"] == "/refuses":
            await send({"type": "http.response.start", "status": 413, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b"too large"})
            return
        length = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
            length += len(message.get("body", b""))
            self.received.append(length)
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in (b"length ", str(length).encode()):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@contextlib.contextmanager
def serving(app: Any, listener: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(app, http="h11", lifespan="off", log_level="critical", timeout_graceful_shutdown=1)
    server = _PrivateServer(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@dataclass
class Site:
    url: str
    behind: Playground


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    behind = Playground(tmp_path / "s")
    forwarding = Forwarding(behind, Tickets())

    async def front(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/stop":
            await forwarding(scope, receive, send)
            return
        forwarding.stop()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with (
        socket.socket(socket.AF_UNIX) as inner,
        socket.create_server(("127.0.0.1", 0)) as outer,
    ):
        inner.bind(str(behind.address))
        inner.listen(50)
        with serving(behind, inner), serving(front, outer):
            yield Site(f"http://127.0.0.1:{outer.getsockname()[1]}", behind)


def test_bodies_paths_and_queries_arrive_as_they_were_sent(site: Site) -> None:
    answer = httpx.post(f"{site.url}/a%2Fb/../c?x=%20y&z", content=bytes(3_000_000), timeout=60, verify=NO_CERTIFICATES)
    assert answer.text == "length 3000000"
    assert answer.headers["x-query"] == "x=%20y&z"
    chunks = httpx.post(f"{site.url}/upload", content=iter([b"12345"] * 10), timeout=60, verify=NO_CERTIFICATES)
    assert chunks.text == "length 50"
    assert httpx.get(f"{site.url}/a%2Fb", timeout=60, verify=NO_CERTIFICATES).headers["x-path"] == "/a%2Fb"


def test_a_body_is_not_gathered_before_it_is_passed_on(site: Site) -> None:
    host, port = site.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n" + bytes(500_000))
        end = time.monotonic() + 20
        while sum(site.behind.received[-1:]) < 400_000:
            assert time.monotonic() < end
            time.sleep(0.05)
    assert site.behind.gone.wait(20)  # the visitor left in the middle, and so did the request behind


def test_a_stream_begins_at_once_and_ends_behind_when_the_visitor_goes(site: Site) -> None:
    with httpx.stream("GET", f"{site.url}/events", timeout=30, verify=NO_CERTIFICATES) as stream:
        parts = stream.iter_raw()  # held: where it goes, the connection is closed
        assert next(parts) == b"first"
        assert not site.behind.gone.is_set()
    assert site.behind.gone.wait(20)


def test_a_stream_is_ended_whole_when_the_server_is_to_end(site: Site) -> None:
    with httpx.stream("GET", f"{site.url}/events", timeout=30, verify=NO_CERTIFICATES) as stream:
        parts = stream.iter_raw()
        assert next(parts) == b"first"
        assert httpx.get(f"{site.url}/stop", timeout=30, verify=NO_CERTIFICATES).status_code == 204
        assert list(parts) == []
    assert httpx.get(f"{site.url}/", timeout=30, verify=NO_CERTIFICATES).status_code == 503


def test_a_refusal_before_the_end_of_a_body_is_passed_on(site: Site) -> None:
    answer = httpx.post(f"{site.url}/refuses", content=bytes(50_000), timeout=60, verify=NO_CERTIFICATES)
    assert answer.status_code == 413
    assert answer.text == "too large"


def test_nobody_behind_is_said_in_words(site: Site) -> None:
    site.behind.address = None
    page = httpx.get(f"{site.url}/", headers={"accept": "text/html"}, timeout=30, verify=NO_CERTIFICATES)
    assert page.status_code == 503
    assert "loaded" in page.text
    assert httpx.post(f"{site.url}/gradio_api/queue/join", timeout=30, verify=NO_CERTIFICATES).json()["detail"]
    site.behind.address = Path("/nowhere")
    assert httpx.get(f"{site.url}/", timeout=30, verify=NO_CERTIFICATES).status_code == 503


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "scheme": "https", "client": ("192.0.2.7", 5), "headers": list(headers)}


def test_what_a_visitor_says_of_where_they_come_from_is_not_passed_on() -> None:
    sent = scope(
        (b"host", b"site.example"), (b"x-forwarded-host", b"evil"), (b"x-forwarded-for", b"1.2.3.4"),
        (b"forwarded", b"x"),
        (b"x-real-ip", b"1.2.3.4"), (b"authorization", b"Bearer rater"), (b"x-forwarded-anything", b"x"),
        (b"connection", b"keep-alive, x-hop"), (b"x-hop", b"1"), (b"upgrade", b"h2c"), (b"te", b"trailers"),
        (TICKET_HEADER, b"forged"), (b"accept", b"text/html"),
    )  # fmt: skip
    headers = request_headers(sent, Tickets())
    assert sorted(headers) == [
        (b"accept", b"text/html"),
        (b"host", b"site.example"),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"https"),
    ]


def test_a_sign_in_becomes_a_ticket_and_other_cookies_stay() -> None:
    tickets = Tickets()
    headers = dict(request_headers(scope((b"cookie", f"a=1; {COOKIE}=admin's".encode())), tickets))
    assert headers[b"cookie"] == b"a=1"
    assert b"admin's" not in headers[TICKET_HEADER]
    request = tickets.redeem(headers[TICKET_HEADER].decode())
    assert request is not None
    assert request.cookies[COOKIE] == "admin's"


def test_the_playground_cannot_set_a_sign_in() -> None:
    sent = [
        (b"Set-Cookie", f"{COOKIE}=x".encode()),
        (b"Set-Cookie", b"visit=1"),
        (b"Connection", b"close"),
        (b"Date", b"x"),
    ]
    assert response_headers(sent) == [(b"set-cookie", b"visit=1")]


def test_what_is_said_to_a_visitor_who_leaves_is_no_error_and_other_errors_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leave_while_something_is_said() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_loop_error)
        ours, theirs = socket.socketpair()
        with theirs:
            stream = await anyio.abc.UNIXSocketStream.from_socket(ours)
            reading = asyncio.ensure_future(stream.receive())
            await asyncio.sleep(0.05)
            # The socket is readable in the turn of the loop in which the wait is cancelled.
            loop.call_soon(lambda: (theirs.send(b"x"), loop.call_soon(reading.cancel)))
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            await stream.aclose()
        assert "invalid state" not in caplog.text
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0.05)

    asyncio.run(leave_while_something_is_said())
    assert "ZeroDivisionError" in caplog.text
