"""A replica's answers over HTTP: GET is what it is, POST a request for takes, whose chunks are streamed."""

import asyncio
import logging
from collections.abc import AsyncIterator

import torch
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from undertone.app.replicas.messages import AnswerMessage, ReplicaFacts, pack_chunk, read_request
from undertone.app.replicas.pool_thread import PoolThread
from undertone.app.replicas.records import MOST_BYTES, RecordError, RecordReader, pack
from undertone.engine import Cancelled, Chunk, Engine, UndertoneError
from undertone.engine.generation.stream import ContinuationRequest
from undertone.engine.generation.take_settings import MAX_TAKES

MEDIA_TYPE = "application/octet-stream"
SIGN_SECONDS = 2.0  # a request that gets no chunk for so long gets a sign of life, at which the app may end it
FAULT = "The replica failed at this take. Try again; the replica's log says more."
logger = logging.getLogger(__name__)


class Replica:
    """An engine whose takes are made for several requests at once.

    Args:
        slots: takes at work at once, at least as many as one request may ask for.
        num_replicas: at most, for what the app is told.
    """

    def __init__(self, engine: Engine, slots: int, num_replicas: int = 1) -> None:
        self._engine = engine
        self._thread = PoolThread(engine, max(slots, MAX_TAKES))
        self._facts = ReplicaFacts(
            bundle_sha256=engine.bundle.fingerprint,
            dtype="bfloat16" if engine.dtype == torch.bfloat16 else "float32",
            slots=slots * num_replicas,
        )

    @property
    def num_working(self) -> int:
        """Return the requests whose takes are being made."""
        return self._thread.num_working

    @property
    def is_alive(self) -> bool:
        """Return whether takes can be made."""
        return self._thread.is_alive

    async def answer(self, request: Request) -> Response:
        """Answer a request; what ends it early is a record too."""
        if request.method != "POST":
            return JSONResponse(self._facts.model_dump())
        try:
            checked = await self._read(request)
        except UndertoneError as error:
            return Response(pack(AnswerMessage(refusal=str(error), by="settings"), {}), 422, media_type=MEDIA_TYPE)
        return StreamingResponse(self._records(checked), media_type=MEDIA_TYPE)

    async def _read(self, request: Request) -> ContinuationRequest:
        """Return the request that a body holds. Raises UndertoneError."""
        reader, size = RecordReader(), 0
        async for piece in request.stream():
            size += len(piece)
            if size > MOST_BYTES:
                break
            for text, tensors in reader.feed(piece):
                return await asyncio.to_thread(self._engine.check_request, read_request(text, tensors))
        raise RecordError("the body holds no whole record.")

    async def _records(self, request: ContinuationRequest) -> AsyncIterator[bytes]:
        """Yield the chunks of a request as records; whoever stops reading cancels it."""
        loop, made = asyncio.get_running_loop(), asyncio.Queue[Chunk | Exception]()

        def deliver(outcome: Chunk | Exception) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(made.put_nowait, outcome)

        ticket = self._thread.submit(request, deliver)
        try:
            while True:
                try:
                    outcome = await asyncio.wait_for(made.get(), SIGN_SECONDS)
                except TimeoutError:
                    yield pack(AnswerMessage(), {})
                    continue
                if isinstance(outcome, Exception):
                    yield pack(_refusal(outcome), {})
                    return
                yield pack_chunk(outcome)
                if outcome.takes:
                    return
        finally:
            ticket.cancelled.set()


def _refusal(error: Exception) -> AnswerMessage:
    if isinstance(error, UndertoneError):
        return AnswerMessage(refusal=str(error), by="settings")
    if not isinstance(error, Cancelled):
        logger.error("a take failed", exc_info=error)
    return AnswerMessage(refusal=FAULT)
