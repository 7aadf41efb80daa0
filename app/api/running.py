"""Jobs behind a request: made in a thread, passed on as they come, stopped when nobody waits any more."""

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from undertone.app.api.callers import RateError
from undertone.app.guard.refusal import INTERNAL_ERROR, RefusedError, error_number, refusal_for_now
from undertone.app.shared.model_queue import MAX_WAITING, QueueFullError
from undertone.app.shared.runs import RESTARTING, RUNS
from undertone.engine import Cancelled, UndertoneError

_log = logging.getLogger(__name__)
_END = object()
Part = TypeVar("Part")


@dataclass
class JobThreads:
    """Threads in which jobs of programs work and wait."""

    limiter: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(MAX_WAITING + 8))

    async def call(self, work: Callable[[], Part]) -> Part:
        """Return what work returns."""
        return await anyio.to_thread.run_sync(work, limiter=self.limiter)

    async def next_of(self, parts: Iterator[Part]) -> Part | None:
        """Return the next part; None at the end."""
        found = await self.call(lambda: next(parts, _END))
        return None if found is _END else found  # type: ignore[return-value]  # _END is no part


def refusal_of(error: Exception) -> tuple[int, str]:
    """Return the status and the sentence of what ended a job."""
    if isinstance(error, RefusedError):
        return error.status, error.sentence
    if isinstance(error, RateError) or (isinstance(error, QueueFullError) and error.own):
        return 429, str(error)
    if isinstance(error, QueueFullError):
        return 503, str(error)
    if isinstance(error, UndertoneError):
        return 422, str(error)
    if isinstance(error, Cancelled):
        return 503, RESTARTING.text if RUNS.are_ending else "This run was cancelled."
    number = error_number()
    _log.error("error %s", number, exc_info=error)
    return 500, INTERNAL_ERROR.format(number=number)


def failure_response(error: Exception) -> Response:
    """Return the answer for what ended a job before its first part."""
    return refusal_for_now(*refusal_of(error))


@dataclass
class JobResponse:
    """Answer of a job: its status is known with the first part, and a broken connection stops the work.

    Attributes:
        parts: bytes to send, made in a thread.
        stop: of the job.
        last_words: what is sent where the job fails after its first part; None cuts the answer off.
    """

    parts: Generator[bytes, None, None]
    stop: threading.Event
    threads: JobThreads
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)
    last_words: Callable[[Exception], bytes] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, receive, tasks.cancel_scope)
                await self._send(scope, receive, send)
                tasks.cancel_scope.cancel()
        finally:
            self.stop.set()
            with anyio.CancelScope(shield=True):  # its place in the queue is free from here on
                await self.threads.call(self.parts.close)

    async def _watch(self, receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.stop.set()
        scope.cancel()

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            part = await self.threads.next_of(self.parts)
        except Exception as error:
            await failure_response(error)(scope, receive, send)
            return
        headers = {
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
            **self.headers,
        }
        head = Response(media_type=self.media_type, headers=headers)
        del head.headers["content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": head.raw_headers})
        try:
            while part is not None:
                await send({"type": "http.response.body", "body": part, "more_body": True})
                part = await self.threads.next_of(self.parts)
        except Exception as error:
            if self.last_words is None:
                raise
            await send({"type": "http.response.body", "body": self.last_words(error), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
