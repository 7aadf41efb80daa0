"""Server of the private socket: answers the playground's few messages and nothing else."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, ValidationError

from undertone.app.auth.tickets import Tickets
from undertone.app.server.studies_messages import (
    DRAFT_PATH,
    FETCH_PATH,
    MOST_BYTES,
    QUICK_RATING_PATH,
    SHARE_PATH,
    WITHDRAW_PATH,
    DraftCreated,
    DraftStudy,
    PromptMessage,
    PromptWord,
    QuickRatingMessage,
    Refusal,
    Withdrawn,
)
from undertone.app.shared.shared_prompts import PromptSharing
from undertone.app.shared.take_feedback import SignInNeededError, TakeFeedback
from undertone.engine import UndertoneError

LIMIT = parse("300/minute")  # of all visitors together, for each message: people press these buttons
M = TypeVar("M", bound=BaseModel)


def studies_socket_app(feedback: TakeFeedback, tickets: Tickets, prompts: PromptSharing) -> FastAPI:
    """Return the application for the private socket.

    Args:
        feedback: the studies.
        tickets: those that were issued to the playground's visitors.
        prompts: that visitors share.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    limiter = MovingWindowRateLimiter(MemoryStorage())
    threads = anyio.CapacityLimiter(2)  # of its own, so that raters never wait for a thread that works here

    async def respond(request: Request, kind: type[M], act: Callable[[M], BaseModel | None]) -> Response:
        if not limiter.hit(LIMIT, request.url.path):
            return _refusal(429, "Too many people do this at once. Try again in a minute.")
        try:
            body = await _read_body(request)
            done = await anyio.to_thread.run_sync(lambda: act(kind.model_validate_json(body)), limiter=threads)
        except ValidationError as error:
            return _refusal(422, f"The take cannot be used: {error.errors()[0]['msg']}.")
        except SignInNeededError as error:
            return _refusal(403, str(error), sign_in=True)
        except UndertoneError as error:
            return _refusal(409, str(error))
        return JSONResponse(None if done is None else done.model_dump(mode="json"))

    @app.post(QUICK_RATING_PATH)
    async def quick_rating(request: Request) -> Response:
        def keep(given: QuickRatingMessage) -> None:
            feedback.rate_quickly(given.settings, given.scale, given.value, given.visitor)

        return await respond(request, QuickRatingMessage, keep)

    @app.post(DRAFT_PATH)
    async def draft(request: Request) -> Response:
        def make(given: DraftStudy) -> DraftCreated:
            takes = [take.sound for take in given.takes]
            return DraftCreated(name=feedback.draft(takes, given.name, tickets.redeem(given.ticket)))

        return await respond(request, DraftStudy, make)

    @app.post(SHARE_PATH)
    async def share(request: Request) -> Response:
        return await respond(request, PromptMessage, lambda given: PromptWord(word=prompts.share_prompt(given.samples)))

    @app.post(FETCH_PATH)
    async def fetch(request: Request) -> Response:
        def find(given: PromptWord) -> PromptMessage | None:
            samples = prompts.fetch_prompt(given.word)
            return None if samples is None else PromptMessage(samples=b64encode(samples))

        return await respond(request, PromptWord, find)

    @app.post(WITHDRAW_PATH)
    async def withdraw(request: Request) -> Response:
        return await respond(request, PromptWord, lambda given: Withdrawn(was_kept=prompts.withdraw_prompt(given.word)))

    return app


async def _read_body(request: Request) -> bytes:
    """Return the body, no further than its limit. Raises UndertoneError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise UndertoneError("These takes are too long for one study. Make shorter ones.")
    return bytes(body)


def _refusal(status: int, text: str, **more: Any) -> JSONResponse:
    return JSONResponse(Refusal(text=text, **more).model_dump(mode="json"), status)
