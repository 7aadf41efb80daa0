"""Bodies of requests: read within limits and parsed once, so that Gradio gets the values that were checked."""

import asyncio
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from undertone.app.guard.limits import RequestLimits
from undertone.app.guard.refusal import RefusedError

TOO_LARGE = "This request is larger than this page ever needs. Reload the page and try again."
NOT_JSON = "This request could not be read. Reload the page and try again."
TOO_SLOW = "The connection was too slow. Try again."


async def chunks(
    receive: Receive, most_bytes: int, seconds: float, too_large: str = TOO_LARGE
) -> AsyncGenerator[bytes, None]:
    """Yield the parts of a body as they come.

    Raises:
        RefusedError: the body is too large, or nothing of it came for too long.
        ClientDisconnect: nobody waits for an answer.
    """
    total = 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), seconds)
        except TimeoutError:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, TOO_SLOW) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        total += len(part)
        if total > most_bytes:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
        yield part
        if not message.get("more_body", False):
            return


def check_length(declared: str | None, most_bytes: int, too_large: str = TOO_LARGE) -> None:
    """Refuse by what the header says, before anything is read."""
    if declared is None:
        return
    if not (declared.isascii() and declared.isdigit()):
        raise RefusedError(HTTPStatus.BAD_REQUEST, NOT_JSON)
    if len(declared) > 15 or int(declared) > most_bytes:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)


async def parse_json_body(receive: Receive, declared: str | None, limits: RequestLimits) -> dict[str, Any]:
    """Return the object that a body holds.

    Raises:
        RefusedError: it is too large, too deep, no JSON object, or has text or numbers that cannot be stored.
    """
    check_length(declared, limits.json_bytes)
    body = b"".join([part async for part in chunks(receive, limits.json_bytes, limits.body_seconds)])
    try:
        content = orjson.loads(body)  # strict: neither NaN nor half a character
    except (orjson.JSONDecodeError, RecursionError):
        raise RefusedError(HTTPStatus.BAD_REQUEST, NOT_JSON) from None
    if not isinstance(content, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, NOT_JSON)
    check_shape(content, limits)
    return content


def check_shape(content: Any, limits: RequestLimits) -> None:
    """Refuse content that is too deep, has too many parts or holds text and numbers that no page sends."""
    waiting = [(content, 0)]
    seen = 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > limits.json_depth or seen > limits.json_values:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
        if isinstance(value, dict):
            waiting += [(part, depth + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]
        elif isinstance(value, str):
            if len(value) > limits.text_chars:
                raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
            if "\0" in value:
                raise RefusedError(HTTPStatus.BAD_REQUEST, NOT_JSON)
        elif isinstance(value, int | float) and not -1e15 <= value <= 1e15:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "This number is too large. Type a smaller one.")
