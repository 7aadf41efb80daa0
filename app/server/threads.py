"""Routes whose handlers run on threads of their own kind, so that who waits for the database stops nobody else."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import anyio
from fastapi.routing import APIRoute

# Where the database is locked, a writer waits for up to 20 s and its thread with it. Pages need no thread, reading has
# other threads than writing, and the common ones of the server are left to whatever else there is.
WRITING = anyio.CapacityLimiter(32)
READING = anyio.CapacityLimiter(16)


class OwnThreads(APIRoute):
    """A route that runs an ordinary function as its handler on the threads for reading (GET) or for writing."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        limiter = READING if set(more.get("methods") or ("GET",)) <= {"GET", "HEAD"} else WRITING
        super().__init__(path, _on_threads(endpoint, limiter), **more)


def _on_threads(endpoint: Callable[..., Any], limiter: anyio.CapacityLimiter) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(endpoint):
        return endpoint

    @functools.wraps(endpoint)
    async def handler(*arguments: Any, **named: Any) -> Any:
        return await anyio.to_thread.run_sync(functools.partial(endpoint, *arguments, **named), limiter=limiter)

    return handler
