"""Routes with thread pools of their own, so that requests that wait for the database do not block any others."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal

import anyio
from anyio.lowlevel import RunVar
from fastapi.routing import APIRoute

# Where the database is locked, a writer waits for up to 20 s and its thread with it. Pages need no thread, reading has
# other threads than writing, and the common ones of the server are left to whatever else there is.
THREADS = {"reading": 16, "writing": 32}
Kind = Literal["reading", "writing"]
_limiters: RunVar[dict[str, anyio.CapacityLimiter]] = RunVar("limiters of raters' routes")  # of each event loop


class ThreadedRoute(APIRoute):
    """A route that runs an ordinary function as its handler on the threads for reading (GET) or for writing."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        reads = set(more.get("methods") or ("GET",)) <= {"GET", "HEAD"}
        super().__init__(path, _in_thread(endpoint, "reading" if reads else "writing"), **more)


def _in_thread(endpoint: Callable[..., Any], kind: Kind) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(endpoint):
        return endpoint

    @functools.wraps(endpoint)
    async def handler(*arguments: Any, **named: Any) -> Any:
        return await anyio.to_thread.run_sync(functools.partial(endpoint, *arguments, **named), limiter=_limiter(kind))

    return handler


def _limiter(kind: Kind) -> anyio.CapacityLimiter:
    """Return the limiter of the running event loop."""
    try:
        limiters = _limiters.get()
    except LookupError:
        limiters = {name: anyio.CapacityLimiter(count) for name, count in THREADS.items()}
        _limiters.set(limiters)
    return limiters[kind]
