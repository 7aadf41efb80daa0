"""Filter of Gradio's answers: registers files for their visitor, words errors, and hides the server's folder."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from undertone.app.guard.errors import VISIBLE_TITLE
from undertone.app.guard.headers import (
    CLOSED_POLICY,
    add_security_headers,
    new_nonce,
    page_policy,
    with_nonce,
    with_page_closed_script,
    without_origin,
)
from undertone.app.guard.refusal import INTERNAL_ERROR, error_number, refusal
from undertone.app.guard.visitors import Visitors

_log = logging.getLogger(__name__)
_FAILED = (b'"success":false', b'"success": false')


@dataclass
class AnswerFilter:
    """Filter of one answer from Gradio to a visitor.

    Attributes:
        visitor, session: who receives it.
        scripts: hashes of scripts that a page adds to itself.
        add_cookie: adds the visitor's cookie to the answer, where it is a page.
    """

    visitors: Visitors
    visitor: str
    session: str | None = None
    scripts: tuple[str, ...] = ()
    add_cookie: Callable[[Response], None] | None = None

    def filter_content(self, content: bytes) -> bytes:
        """Register the files that are named, and return the content without the server's own names."""
        self.visitors.register_files(content, self.visitor, self.session)
        return without_origin(self.visitors.hide_root(content))

    async def filter_response(self, app: Any, scope: Scope, receive: Receive, send: Send) -> None:
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
            response = refusal(status, self._error_text(body, status))
            add_security_headers(response.headers)
            return response
        content, nonce = self.filter_content(body), None
        if kind.startswith("text/html"):
            nonce = new_nonce()
            content = with_nonce(with_page_closed_script(content), nonce)
        response = Response(content, status, media_type=kind or None)
        response.headers["Cache-Control"] = "no-store"
        add_security_headers(response.headers, CLOSED_POLICY if nonce is None else page_policy(nonce, self.scripts))
        if self.add_cookie is not None:
            self.add_cookie(response)
        return response

    async def filter_stream(self, app: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on messages as they come; Gradio sends each of them in one piece."""

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                del headers["content-length"]
                headers["Cache-Control"] = "no-store"
                headers["X-Accel-Buffering"] = "no"  # nginx would keep what is live until there is more of it
                add_security_headers(headers)
                message = {**message, "headers": headers.raw}
            elif message["type"] == "http.response.body" and message.get("body"):
                message = {**message, "body": self._event(message["body"])}
            await send(message)

        await app(scope, receive, pass_on)

    def _event(self, event: bytes) -> bytes:
        if any(mark in event for mark in _FAILED) or b'"unexpected_error"' in event:
            event = self._with_error_text(event)
        return self.filter_content(event)

    def _with_error_text(self, event: bytes) -> bytes:
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
            words = self._error_text(orjson.dumps(failed), 500)
            message |= {"output": {"error": words, "visible": True, "duration": 10, "title": "Error"}, "title": "Error"}
        return b"data: " + orjson.dumps(message) + b"\n\n"

    def _error_text(self, body: bytes, status: int) -> str:
        """Return the message of a `VisibleError`; else a sentence with a number that also stands in the log."""
        try:
            said = orjson.loads(body)
        except orjson.JSONDecodeError:
            said = None
        if isinstance(said, dict) and said.get("title") == VISIBLE_TITLE and isinstance(said.get("error"), str):
            return str(said["error"])
        if status == 503:
            return "Too many people are waiting. Try again in a minute."
        if status == 401:
            return "Sign in first: this page is not for everybody."
        number = error_number()
        _log.error("error %s: Gradio answered %d: %s", number, status, body[:2000].decode(errors="replace"))
        return INTERNAL_ERROR.format(number=number)
