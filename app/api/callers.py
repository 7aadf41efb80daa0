"""Who calls the API: said by the front process, which has checked the key; and how many runs a caller may start."""

import json
from dataclasses import dataclass, field
from typing import Any

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from undertone.app.asgi.api_paths import CALLER_HEADER, CALLER_SCOPE
from undertone.app.guard.refusal import refusal
from undertone.engine import UndertoneError


class RateError(UndertoneError):
    """A run that comes too soon after others of the same caller."""


@dataclass(frozen=True)
class Caller:
    """A program.

    Attributes:
        name: of its key, as "key:NAME", or its address, as "open:ADDRESS".
        rate: of the runs that it may start, as "60/minute".
    """

    name: str
    rate: str

    def header(self) -> bytes:
        """Return the value of the header that the front process sets."""
        return json.dumps([self.name, self.rate]).encode()

    @classmethod
    def of(cls, scope: Scope) -> "Caller":
        """Return the caller of a request that came through `KnownCallers`."""
        caller = scope[CALLER_SCOPE]
        assert isinstance(caller, cls)
        return caller


class KnownCallers:
    """ASGI middleware that reads and removes the header of the front process; without it nobody is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        said = [value for name, value in scope["headers"] if name == CALLER_HEADER]
        if len(said) != 1:
            await refusal(404, "This server offers no API.")(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0] != CALLER_HEADER]
        await self.app({**scope, "headers": headers, CALLER_SCOPE: Caller(*json.loads(said[0]))}, receive, send)


@dataclass
class RunRates:
    """The runs that callers started in the last time, counted in memory."""

    _limiter: Any = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))

    def count(self, caller: Caller) -> None:
        """Count a run that is about to begin.

        Raises:
            RateError: the caller has started as many as it may.
        """
        if not self._limiter.hit(parse(caller.rate), caller.name):
            raise RateError(f"you may start {caller.rate.replace('/', ' runs a ', 1)}. Wait a little, then try again.")
