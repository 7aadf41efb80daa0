"""The address that Prolific calls when the state of a submission changes, so that places are free at once.

It exists only where the workspace's secret is given. What is sent there is hostile until its signature is checked: of
the body no more than 16 KB is read, and nothing of it is looked at before. Answers of an error make Prolific send
again.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from undertone.app.asgi.plain_page import SAFE_HEADERS
from undertone.app.asgi.threads import ThreadedRoute
from undertone.app.guard.bodies import check_length, chunks
from undertone.app.guard.refusal import RefusedError
from undertone.studies.panels import (
    UnreadableMessageError,
    UnsignedMessageError,
    check_signature,
    follow_change,
    read_message,
)
from undertone.studies.panels.webhook import MOST_BYTES, SIGNATURE_HEADER, TIMESTAMP_HEADER
from undertone.studies.store import Database, StoreError

PATH = "/panels/prolific"
BODY_SECONDS = 5.0  # that a message may take to arrive
logger = logging.getLogger(__name__)


def prolific_router(
    db: Database, server_secret: str, secret: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> APIRouter:
    """Return the route that takes Prolific's messages.

    Args:
        db: of the studies.
        server_secret: the server's signing key (`load_secret`).
        secret: of the workspace at Prolific (`webhook_secret`).
        clock: gives the time, with its zone.
    """
    router = APIRouter(include_in_schema=False, route_class=ThreadedRoute)

    async def signed_body(request: Request) -> bytes:
        """Return a body that Prolific has signed."""
        try:
            check_length(request.headers.get("content-length"), MOST_BYTES)
            body = b"".join([part async for part in chunks(request.receive, MOST_BYTES, BODY_SECONDS)])
        except RefusedError as refused:
            raise HTTPException(refused.status) from None
        signature, timestamp = (request.headers.get(name, "") for name in (SIGNATURE_HEADER, TIMESTAMP_HEADER))
        try:
            check_signature(body, signature, timestamp, secret, clock())
        except UnsignedMessageError as error:
            logger.info("a message in Prolific's name was refused: %s", error)
            raise HTTPException(HTTPStatus.UNAUTHORIZED) from None
        return body

    @router.post(PATH)
    def take(body: Annotated[bytes, Depends(signed_body)]) -> JSONResponse:
        try:
            change = read_message(body)
            if change is None:
                return _said(0)
            if db.read_only:
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE)
            released = follow_change(db, change.submission, server_secret, clock())
        except UnreadableMessageError as error:
            logger.warning("Prolific has sent something: %s", error)
            raise HTTPException(HTTPStatus.BAD_REQUEST) from None
        except (StoreError, SQLAlchemyError):
            logger.exception("a message of Prolific could not be followed; it will come again")
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE) from None
        for name in released:
            logger.info("study %s: a submission is %s at Prolific, its places are free", name, change.status.lower())
        return _said(len(released))

    return router


def _said(released: int) -> JSONResponse:
    return JSONResponse({"released": released}, headers=SAFE_HEADERS)
