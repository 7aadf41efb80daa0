"""Forwarding of requests to the playground over its Unix socket, streamed in both directions."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import anyio
import httpcore2
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from undertone.app.asgi.api_paths import CALLER_HEADER, CALLER_SCOPE, is_api_path
from undertone.app.asgi.error_pages import wait_page
from undertone.app.auth.tickets import TICKET_HEADER, Tickets, sets_sign_in_cookie, without_sign_in
from undertone.app.server.asset_cache import AssetCache, send_kept
from undertone.app.server.playground import END_PATH, PRIVATE

logger = logging.getLogger(__name__)
MESSAGES_ENDING = "/gradio_api/queue/data"
MOST_STREAMS = 400  # at once; a page that is open holds one or two
SILENT_SECONDS = 90.0  # without a byte from the playground; the streams of its pages have a beat of 15 s
TIMEOUTS = {"connect": 5.0, "read": SILENT_SECONDS, "write": 60.0, "pool": 10.0}
API_TIMEOUTS = {**TIMEOUTS, "read": 900.0}  # a program waits in the queue without a word

# Of one connection, not of the message (RFC 9110, section 7.6.1), and what this process says itself.
_HOP_BY_HOP = {
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
    b"transfer-encoding", b"upgrade", b"expect",
}  # fmt: skip
# Headers in which a visitor states their own address are dropped; the true address is added below. Authorization is for
# the raters' routes.
_UNTRUSTED = {b"forwarded", b"x-real-ip", b"authorization", b"cookie", TICKET_HEADER, CALLER_HEADER}
_UNTRUSTED_PREFIX = b"x-forwarded-"
_CONNECTION_ERRORS = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException)

Headers = list[tuple[bytes, bytes]]


def log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what a callback of the event loop raised, but for what anyio 4.16 raises and nobody is harmed by.

    Where a visitor leaves in the moment in which the playground says something, anyio cancels its wait for the Unix
    socket and is then told that the socket can be read: setting the cancelled future's result fails.
    """
    error, handle = context.get("exception"), repr(context.get("handle"))
    if not (isinstance(error, asyncio.InvalidStateError) and "Future.set_result(None)" in handle):
        loop.default_exception_handler(context)


class Upstream(Protocol):
    """Target of requests."""

    @property
    def address(self) -> Path | None:
        """Return the Unix socket; None while nobody answers there."""
        ...


@dataclass
class Forwarding:
    """ASGI application that forwards requests.

    Args:
        upstream: the playground.
        tickets: stand for the sign-in of a visitor, whose cookie is not passed on.
    """

    upstream: Upstream
    tickets: Tickets
    _pools: dict[Path, httpcore2.AsyncConnectionPool] = field(default_factory=dict)
    _streams: set[anyio.CancelScope] = field(default_factory=set)
    _messages: int = 0  # open streams with what runs say; one ends when the last run of its page does
    _ending: bool = False
    _assets: AssetCache = field(default_factory=AssetCache)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request with the playground's answer, or say why there is none."""
        if scope["type"] != "http":
            return
        if scope["path"].startswith(PRIVATE):
            await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)
            return
        address = self.upstream.address
        if address is None or self._ending:
            text = "The model is being loaded. This page opens in a moment."
            await wait_page(scope, "The model is loading", text, 3)(scope, receive, send)
        elif kept := self._assets.find(scope):
            await send_kept(kept, send)
        elif len(self._streams) >= MOST_STREAMS:
            text = "Too many people are here at the moment. Try again in a minute."
            await wait_page(scope, "Very busy", text, 20)(scope, receive, send)
        else:
            says_runs = scope["path"].endswith(MESSAGES_ENDING)
            self._messages += says_runs
            try:
                await self._pass(address, scope, _Exchange(receive, self._assets.recorder(scope, send)))
            finally:
                self._messages -= says_runs

    async def finish_runs(self, seconds: float) -> None:
        """End every run, and wait until its visitor has been told; no longer than this."""
        address = self.upstream.address
        if address is None:
            return
        url = httpcore2.URL(scheme=b"http", host=b"playground", target=END_PATH.encode())
        with anyio.move_on_after(seconds):
            with contextlib.suppress(*_CONNECTION_ERRORS):
                await self._pool(address).request(b"POST", url, extensions={"timeout": TIMEOUTS})
            while self._messages:
                await anyio.sleep(0.05)

    def stop(self) -> None:
        """End every stream that is still open, as the server is to end."""
        self._ending = True
        for stream in list(self._streams):
            stream.cancel()

    def _pool(self, address: Path) -> httpcore2.AsyncConnectionPool:
        """Return the connections to the playground that runs now; it has a new socket after each start."""
        if address not in self._pools:
            self._pools.clear()  # of a process that is gone, and its sockets with it
            self._assets.clear()
            self._pools[address] = httpcore2.AsyncConnectionPool(
                uds=str(address), max_connections=MOST_STREAMS, max_keepalive_connections=20, keepalive_expiry=10.0
            )
        return self._pools[address]

    async def _pass(self, address: Path, scope: Scope, exchange: "_Exchange") -> None:
        request = httpcore2.Request(
            method=scope["method"].encode(),
            url=httpcore2.URL(scheme=b"http", host=b"playground", target=_target(scope)),
            headers=request_headers(scope, self.tickets),
            content=exchange.body() if _has_body(scope) else None,
            extensions={"timeout": API_TIMEOUTS if is_api_path(scope["path"]) else TIMEOUTS},
        )
        if not _has_body(scope):
            exchange.read.set()
        try:
            async with anyio.create_task_group() as tasks:
                self._streams.add(tasks.cancel_scope)
                exchange.scope = tasks.cancel_scope
                tasks.start_soon(exchange.cancel_on_disconnect)
                await _answer(self._pool(address), request, exchange)
                tasks.cancel_scope.cancel()
        except* _CONNECTION_ERRORS as failed:
            logger.info("the playground broke off: %r", failed.exceptions)
        finally:
            self._streams.discard(exchange.scope)
        await self._close(scope, exchange)

    async def _close(self, scope: Scope, exchange: "_Exchange") -> None:
        """Say something where the playground has said nothing; end a stream of events that was cut off here."""
        if exchange.ended or exchange.disconnected:
            return
        if not exchange.begun:
            text = "The model's process does not answer. If it stays like this, it is started again."
            await wait_page(scope, "One moment", text, 5)(scope, exchange.receive, exchange.send)
        elif self._ending and exchange.is_stream:
            await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})


@dataclass
class _Exchange:
    """One request of a visitor and its answer. The body is read first, then only whether the visitor disconnected.

    Attributes:
        read: set when nothing of the body is left.
        begun, ended: the answer has begun, has been sent whole.
        disconnected: the visitor has closed the connection.
        is_stream: the answer has no length, so it may end anywhere.
    """

    receive: Receive
    send_on: Send
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    read: anyio.Event = field(default_factory=anyio.Event)
    begun: bool = False
    ended: bool = False
    disconnected: bool = False
    is_stream: bool = False

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; nothing more is read until the playground has taken what was."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self._disconnect()
                await anyio.sleep_forever()  # cancelled now: half a body is never sent as a whole one
            if chunk := message.get("body"):
                yield chunk
            if not message.get("more_body"):
                self.read.set()
                return

    async def cancel_on_disconnect(self) -> None:
        """Cancel all of it when the connection is closed on the visitor's side."""
        await self.read.wait()
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self._disconnect()

    async def send(self, message: Message) -> None:
        """Send a part of the answer; waits while the visitor does not read."""
        self.begun = True
        await self.send_on(message)
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")

    def _disconnect(self) -> None:
        self.disconnected = not self.ended
        self.scope.cancel()


async def _answer(pool: httpcore2.AsyncConnectionPool, request: httpcore2.Request, exchange: _Exchange) -> None:
    """Pass one answer back, chunk by chunk."""
    response = await pool.handle_async_request(request)
    try:
        headers = response_headers(response.headers)
        exchange.is_stream = not any(name == b"content-length" for name, _ in headers)
        await exchange.send({"type": "http.response.start", "status": response.status, "headers": headers})
        async for chunk in response.aiter_stream():
            await exchange.send({"type": "http.response.body", "body": chunk, "more_body": True})
        await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()


def request_headers(scope: Scope, tickets: Tickets) -> Headers:
    """Return the headers for the playground: the visitor's, without the connection's own and what is not believed."""
    named = _named_by_connection(scope["headers"])
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if name not in _HOP_BY_HOP | _UNTRUSTED | named and not name.startswith(_UNTRUSTED_PREFIX)
    ]
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    if kept := without_sign_in(cookies):
        headers.append((b"cookie", kept))
    if ticket := tickets.issue(cookies):
        headers.append((TICKET_HEADER, ticket))
    if caller := scope.get(CALLER_SCOPE):
        headers.append((CALLER_HEADER, caller.header()))
    if scope.get("client"):
        headers.append((b"x-forwarded-for", str(scope["client"][0]).encode()))
    headers.append((b"x-forwarded-proto", scope["scheme"].encode()))
    if _is_chunked(scope):
        headers = [(name, value) for name, value in headers if name != b"content-length"]
        headers.append((b"transfer-encoding", b"chunked"))
    return headers


def response_headers(received: Headers) -> Headers:
    """Return the headers that the visitor gets."""
    headers = [(name.lower(), value) for name, value in received]
    named = _named_by_connection(headers)
    return [
        (name, value)
        for name, value in headers
        if name not in _HOP_BY_HOP | named | {b"date", b"server"}
        and not (name == b"set-cookie" and sets_sign_in_cookie(value))
    ]


def _named_by_connection(headers: Headers) -> set[bytes]:
    """Return the names of further headers that belong to one connection."""
    listed = b",".join(value for name, value in headers if name == b"connection")
    return {part.strip().lower() for part in listed.split(b",")} - {b"content-length", b"host"}


def _target(scope: Scope) -> bytes:
    query = scope.get("query_string", b"")
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path + (b"?" + query if query else b"")


def _is_chunked(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])


def _has_body(scope: Scope) -> bool:
    return _is_chunked(scope) or any(name == b"content-length" and value != b"0" for name, value in scope["headers"])
