"""Errors of the raters' routes, as JSON with a word for the page and a message that it says in the study's language."""

import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from undertone.app.asgi.plain_page import SAFE_HEADERS
from undertone.app.asgi.threads import ThreadedRoute
from undertone.studies.design import DesignError
from undertone.studies.design.storable import find_unstorable
from undertone.studies.sessions import SessionError
from undertone.studies.sessions.errors import STRANGE
from undertone.studies.store import StoreError

logger = logging.getLogger(__name__)
MAX_BODY_BYTES = 64 * 1024


class RaterRoute(ThreadedRoute):
    """Route that answers every error in one form: `{"error": {"word", "text", "values", "wait_seconds"}}`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with its errors translated; a body that is too large is not read at all."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.method == "POST" and not _is_small(request):
                return error_response(
                    SessionError("bad_answer", "This is too much at once. Shorten your answers."), 413
                )
            try:
                if request.method == "POST":
                    _check(await request.body())
                return await handler(request)
            except SessionError as error:
                return error_response(error)
            except RequestValidationError:
                return error_response(SessionError("bad_answer", STRANGE))
            except (StoreError, DesignError, SQLAlchemyError):
                logger.exception("a rater's request could not be answered")
                return error_response(SessionError("read_only"))

        return handle


def error_response(error: SessionError, status: int | None = None) -> JSONResponse:
    """Return the answer to a refused request."""
    said = {"word": error.word, "text": error.message, "values": error.values, "wait_seconds": error.wait_seconds}
    return JSONResponse({"error": said}, status or error.status, headers=SAFE_HEADERS)


def _check(body: bytes) -> None:
    """Refuse what no database keeps, before anything of it is read. Raises SessionError."""
    try:
        found = find_unstorable(json.loads(body))
    except (ValueError, RecursionError):
        found = "something that is no JSON"
    if found is not None:
        logger.info("a rater's request held %s", found)
        raise SessionError("bad_answer", "The page sent something that cannot be kept. Change your answer, or reload.")


def _is_small(request: Request) -> bool:
    length = request.headers.get("content-length", "")
    return length.isdigit() and int(length) <= MAX_BODY_BYTES
