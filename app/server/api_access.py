"""Admission of programs to the API, in the front process: keys, rates and sizes, before anything is passed on."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import anyio
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertone.app.api.callers import Caller
from undertone.app.asgi.api_paths import CALLER_SCOPE, GRADIO_PREFIX, MCP_PREFIX
from undertone.app.asgi.client_address import address_of
from undertone.app.auth.api_keys import check_rate, known_key
from undertone.app.guard.bodies import check_length
from undertone.app.guard.headers import check_site
from undertone.app.guard.refusal import RefusedError, refusal_for_now
from undertone.engine import UndertoneError
from undertone.studies.store import Database, StoreError

ApiMode = Literal["off", "keys", "open"]
MODE_VARIABLE, RATE_VARIABLE, OPEN_RATE_VARIABLE = "UNDERTONE_API", "UNDERTONE_API_RATE", "UNDERTONE_API_OPEN_RATE"
REQUESTS = parse("600/minute")  # of one caller, of any kind
WRONG_KEYS = parse("20/minute")  # of one address
MOST_AT_ONCE, MOST_OF_ONE = 64, 12  # requests with a body; the streams of gradio_client are counted by `Forwarding`
AUDIO_BYTES, MCP_BYTES, JSON_BYTES = 52_000_000, 8_000_000, 1_000_000
OFF = "This server offers no API. Its keeper turns it on with `undertone serve --api keys`."
NO_KEY = "Send the key that the keeper of this server gave you: Authorization: Bearer ut_..."


@dataclass(frozen=True)
class ApiSettings:
    """Who may use the API.

    Attributes:
        mode: "off" for nobody, "keys" for programs with a key, "open" for everybody.
        rate: of the runs that a key may start, where the key has no rate of its own.
        open_rate: of the runs that an address may start without a key.
    """

    mode: ApiMode = "off"
    rate: str = "60/minute"
    open_rate: str = "6/minute"

    @classmethod
    def of(cls, mode: str | None = None, environment: Mapping[str, str] = os.environ) -> "ApiSettings":
        """Return the settings: the mode that was given, or what the environment says.

        Raises:
            UndertoneError: one that there is not.
        """
        wanted = mode or environment.get(MODE_VARIABLE) or "off"
        if wanted not in get_args(ApiMode):
            raise UndertoneError(f"the API is to be {wanted!r}; expected off, keys or open.")
        rates = environment.get(RATE_VARIABLE) or cls.rate, environment.get(OPEN_RATE_VARIABLE) or cls.open_rate
        return cls(wanted, *(check_rate(rate) for rate in rates))  # type: ignore[arg-type]  # one of the modes


@dataclass
class ApiAccess:
    """ASGI application before the API.

    Args:
        app: passes on to the process with the model.
        db: where the keys are.
    """

    app: ASGIApp
    db: Database
    settings: ApiSettings = ApiSettings()
    _limiter: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))
    _threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(4))
    _bodies: list[str] = field(default_factory=list)  # callers whose bodies are on their way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to the API."""
        try:
            if self.settings.mode == "off":
                raise RefusedError(404, OFF)
            headers = Headers(scope=scope)
            check_site(headers)
            caller = await self._caller(scope, headers)
            if not self._limiter.hit(REQUESTS, caller.name):
                raise RefusedError(429, "Too many requests. Wait a minute, then try again.")
            most = _most_bytes(scope)
            check_length(headers.get("content-length"), most, f"This is larger than {most // 1_000_000} MB.")
            passed = {**scope, CALLER_SCOPE: caller}  # `Forwarding` writes it down
            if scope["method"] != "POST":
                await self.app(passed, receive, send)
                return
            self._check_at_once(caller)
            self._bodies.append(caller.name)
            try:
                await _pass_counted(self.app, passed, receive, send, most)
            finally:
                self._bodies.remove(caller.name)
        except RefusedError as refused:
            await _refused(refused)(scope, receive, send)

    async def _caller(self, scope: Scope, headers: Headers) -> Caller:
        """Return who calls. Raises RefusedError."""
        address = address_of(HTTPConnection(scope))
        given = headers.get("authorization", "")
        if not given and self.settings.mode == "open":
            return Caller(f"open:{address}", self.settings.open_rate)
        kind, _, secret = given.partition(" ")
        if not self._limiter.test(WRONG_KEYS, "wrong", address):
            raise RefusedError(429, "Too many wrong keys from your address. Wait a minute, then try again.")
        known = None
        if kind.lower() == "bearer":
            try:
                known = await anyio.to_thread.run_sync(known_key, self.db, secret.strip(), limiter=self._threads)
            except StoreError:
                raise RefusedError(503, "The keys cannot be read at the moment. Try again in a minute.") from None
        if known is None:
            self._limiter.hit(WRONG_KEYS, "wrong", address)
            raise RefusedError(401, NO_KEY)
        return Caller(f"key:{known.name}", known.rate or self.settings.rate)

    def _check_at_once(self, caller: Caller) -> None:
        if self._bodies.count(caller.name) >= MOST_OF_ONE or len(self._bodies) >= MOST_AT_ONCE:
            raise RefusedError(429, "Too many requests at once. Wait for one of yours to end.")


def _most_bytes(scope: Scope) -> int:
    path = scope["path"]
    if path == MCP_PREFIX:
        return MCP_BYTES
    is_gradio = path.startswith(f"{GRADIO_PREFIX}/") and not path.endswith("/upload")
    return JSON_BYTES if is_gradio else AUDIO_BYTES


async def _pass_counted(app: ASGIApp, scope: Scope, receive: Receive, send: Send, most: int) -> None:
    """Pass a request on; a body that said no length and is too large ends it. Raises RefusedError."""
    total, begun = 0, False

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        return message if total <= most else {"type": "http.disconnect"}

    async def noted(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    await app(scope, counted, noted)
    if total > most and not begun:
        raise RefusedError(413, f"This is larger than {most // 1_000_000} MB.")


def _refused(refused: RefusedError) -> Response:
    response = refusal_for_now(refused.status, refused.sentence)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
