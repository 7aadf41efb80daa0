"""What leaves a page's Blocks: files are noted for their visitor, errors put into words, the server's folder hidden."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from undertone.app.guard.errors import SPOKEN
from undertone.app.guard.headers import (
    CLOSED_POLICY,
    new_nonce,
    page_policy,
    secure,
    with_leaving,
    with_nonce,
    without_origin,
)
from undertone.app.guard.refusal import WENT_WRONG, error_number, refusal
from undertone.app.guard.visitors import Visitors

_log = logging.getLogger(__name__)
_FAILED = (b'"success":false', b'"success": false')


@dataclass
class AnswerFilter:
    """The way of one answer from Gradio to a visitor.

    Attributes:
        visitor, session: to whom it goes.
        scripts: hashes of scripts that a page adds to itself.
        introduce: adds the visitor's cookie to the answer, where it is a page.
    """

    visitors: Visitors
    visitor: str
    session: str | None = None
    scripts: tuple[str, ...] = ()
    introduce: Callable[[Response], None] | None = None

    def content(self, content: bytes) -> bytes:
        """Note the files that are named, and take the server's own names out."""
        self.visitors.hand_out(content, self.visitor, self.session)
        return without_origin(self.visitors.shown(content))

    async def whole(self, app: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on an answer that is one page or one message; what failed is answered in words."""
        status, headers, parts = 500, list[tuple[bytes, bytes]](), list[bytes]()

        async def collect(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", []))
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await app(scope, receive, collect)
        response = self._answer(status, headers, b"".join(parts))
        await response(scope, receive, send)

    def _answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Response:
        kind = next((value.decode("latin-1") for name, value in headers if name == b"content-type"), "")
        if status >= 400:
            response = refusal(status, self._words(body, status))
            secure(response.headers)
            return response
        content, nonce = self.content(body), None
        if kind.startswith("text/html"):
            nonce = new_nonce()
            content = with_nonce(with_leaving(content), nonce)
        response = Response(content, status, media_type=kind or None)
        response.headers["Cache-Control"] = "no-store"
        secure(response.headers, CLOSED_POLICY if nonce is None else page_policy(nonce, self.scripts))
        if self.introduce is not None:
            self.introduce(response)
        return response

    async def stream(self, app: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on messages as they come; Gradio sends each of them in one piece."""

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                del headers["content-length"]
                headers["Cache-Control"] = "no-store"
                headers["X-Accel-Buffering"] = "no"  # nginx would keep what is live until there is more of it
                secure(headers)
                message = {**message, "headers": headers.raw}
            elif message["type"] == "http.response.body" and message.get("body"):
                message = {**message, "body": self._event(message["body"])}
            await send(message)

        await app(scope, receive, pass_on)

    def _event(self, event: bytes) -> bytes:
        if any(mark in event for mark in _FAILED) or b'"unexpected_error"' in event:
            event = self._spoken(event)
        return self.content(event)

    def _spoken(self, event: bytes) -> bytes:
        """Return a failure with our own words in it, if it is one."""
        try:
            message = orjson.loads(event.removeprefix(b"data:").strip())
        except orjson.JSONDecodeError:
            return event
        if not isinstance(message, dict):
            return event
        output = message.get("output")
        if message.get("msg") == "unexpected_error":
            message["message"] = "The connection to the page was lost."
        elif message.get("success") is False:
            failed = output if isinstance(output, dict) else {}
            words = self._words(orjson.dumps(failed), 500)
            message |= {"output": {"error": words, "visible": True, "duration": 10, "title": "Error"}, "title": "Error"}
        return b"data: " + orjson.dumps(message) + b"\n\n"

    def _words(self, body: bytes, status: int) -> str:
        """Our own words, where the error is one of ours; else a sentence with a number that the log has too."""
        try:
            said = orjson.loads(body)
        except orjson.JSONDecodeError:
            said = None
        if isinstance(said, dict) and said.get("title") == SPOKEN and isinstance(said.get("error"), str):
            return str(said["error"])
        if status == 503:
            return "Too many people are waiting. Try again in a minute."
        if status == 401:
            return "Sign in first: this page is not for everybody."
        number = error_number()
        _log.error("error %s: Gradio answered %d: %s", number, status, body[:2000].decode(errors="replace"))
        return WENT_WRONG.format(number=number)
