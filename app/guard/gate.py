"""The gate of one page: the routes that the page needs, each with what may come in and what goes out."""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import gradio as gr
import orjson
from gradio.routes import App
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from undertone.app.guard.answer_filter import AnswerFilter
from undertone.app.guard.bodies import parse_json_body
from undertone.app.guard.files import file_response
from undertone.app.guard.headers import (
    IMMUTABLE,
    add_security_headers,
    check_site,
    is_immutable,
    request_for_gradio,
)
from undertone.app.guard.refusal import INTERNAL_ERROR, RefusedError, error_number, refusal
from undertone.app.guard.uploads import Uploads
from undertone.app.guard.values import NO_VALUE, check_inputs, without_files
from undertone.app.guard.visitors import Visitors

_log = logging.getLogger(__name__)
_API = "/gradio_api"
_AUTHENTICATED = "undertone.authenticated_name"
_OF_GRADIO = ("deep_link", "session_hash")
_WORD = re.compile(r"[\w .:@+-]{1,300}")
_READ, _POST = ("GET", "HEAD"), ("POST",)


def authenticated_name(request: Request) -> str | None:
    """Return the name that `Gate.authenticate` found; Gradio refuses requests without one."""
    name = request.scope.get(_AUTHENTICATED)
    return name if isinstance(name, str) else None


@dataclass(frozen=True)
class Route:
    """A route that a page needs; any other path is answered with 404.

    Attributes:
        own: asked for by the page's own scripts, never by another site.
        query: parameters that are passed on; None for all whose names and values are plain words.
    """

    name: str
    methods: tuple[str, ...]
    pattern: str
    own: bool = True
    query: tuple[str, ...] | None = ()

    def match(self, path: str) -> re.Match[str] | None:
        return re.fullmatch(self.pattern, path)


ROUTES = (
    Route("page", _READ, r"/?", own=False, query=None),
    Route(
        "asset", _READ, r"/(?:static|assets)(?:/[\w@+-][\w@+.-]*)+|/theme\.css|/favicon\.ico|/robots\.txt", query=("v",)
    ),
    Route("info", _READ, r"/config/?"),
    Route("info", _READ, rf"{_API}/app_id/?"),
    Route("heartbeat", _READ, rf"{_API}/heartbeat/([^/]+)"),
    Route("messages", _READ, rf"{_API}/queue/data", query=("session_hash",)),
    Route("event", _POST, rf"{_API}/(?:queue/join|run/[\w.-]+/?)", query=None),
    Route("cancel", _POST, rf"{_API}/cancel"),
    Route("reset", _POST, rf"{_API}/reset/?"),
    Route("upload", _POST, rf"{_API}/upload"),
    Route("progress", _READ, rf"{_API}/upload_progress"),
    Route("file", _READ, rf"{_API}/file=(/.+)"),
    Route("leave", _POST, rf"{_API}/leave/([^/]+)"),
)
API_ROUTES = (
    *ROUTES,
    Route("info", _READ, rf"{_API}/info/?", own=False, query=("serialize", "all_endpoints")),
)


@dataclass
class Gate:
    """An ASGI application in front of a page's Gradio application.

    Attributes:
        authenticate: returns the name of a person who may see the page; raises HTTPException for others.
        scripts: hashes of what Gradio adds to the page in the browser.
        routes: that are answered.
    """

    app: App
    blocks: gr.Blocks
    visitors: Visitors
    authenticate: Callable[[Request], str] | None = None
    scripts: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ROUTES
    uploads: Uploads = field(init=False)

    def __post_init__(self) -> None:
        self.uploads = Uploads(self.visitors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})  # Gradio has none
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        found = next(((route, match) for route in self.routes if (match := route.match(path))), None)
        if self.authenticate is not None and (found is None or found[0].name != "asset"):
            # This asks the database, so it runs in a thread; Gradio reads the result with `authenticated_name`.
            scope = {**scope, _AUTHENTICATED: await run_in_threadpool(self.authenticate, Request(scope))}
        request = Request(scope, receive)
        if found is None or scope["method"] not in found[0].methods:
            raise HTTPException(404)
        route, match = found
        try:
            if route.own:
                check_site(request.headers)
            handle: Callable[..., Awaitable[None]] = getattr(self, f"_{route.name}")
            await handle(request, send, route, *match.groups())
        except RefusedError as refused:
            await _answer(refusal(refused.status, refused.sentence), request, send)
        except (HTTPException, ClientDisconnect):
            raise
        except Exception:
            number = error_number()
            _log.exception("error %s", number)
            await _answer(refusal(500, INTERNAL_ERROR.format(number=number)), request, send)

    # What people open

    async def _page(self, request: Request, send: Send, route: Route) -> None:
        out = self._filter_for(request)
        out.add_cookie = lambda response: self.visitors.set_cookie(request, response)
        await out.filter_response(self.app, _inner_scope(request, route), request.receive, send)

    async def _info(self, request: Request, send: Send, route: Route) -> None:
        await self._filter_for(request).filter_response(self.app, _inner_scope(request, route), request.receive, send)

    async def _asset(self, request: Request, send: Send, route: Route) -> None:
        scope = _inner_scope(request, route, accepts_compressed=True)

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = Response(status_code=message["status"])
                answer.raw_headers = list(message.get("headers", []))
                add_security_headers(answer.headers)
                if message["status"] == HTTPStatus.OK and is_immutable(scope["path"]):
                    answer.headers["Cache-Control"] = IMMUTABLE
                message = {**message, "headers": answer.raw_headers}
            await send(message)

        await self.app(scope, request.receive, secured)

    async def _file(self, request: Request, send: Send, route: Route, name: str) -> None:
        await _answer(file_response(self.visitors.resolve(name, self.visitors.visitor_of(request))), request, send)

    # What a page's scripts ask for

    async def _heartbeat(self, request: Request, send: Send, route: Route, name: str) -> None:
        session = self._session(request, name)
        with self.visitors.connection(session):
            await self._filter_for(request, session).filter_stream(
                self.app, _inner_scope(request, route), request.receive, send
            )
        if self.visitors.owner_of(session) is None:
            self._forget(session)  # Gradio's last event for a closed page has made its state anew

    async def _messages(self, request: Request, send: Send, route: Route) -> None:
        session = self._session(request, request.query_params.get("session_hash"))
        with self.visitors.connection(session):
            await self._filter_for(request, session).filter_stream(
                self.app, _inner_scope(request, route), request.receive, send
            )

    async def _event(self, request: Request, send: Send, route: Route) -> None:
        body = await self._read(request)
        session = self._session(request, body.get("session_hash"))
        number = _whole_number(body.get("fn_index"))
        event = self.blocks.fns.get(number)
        if event is None or event.fn is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, NO_VALUE)
        visitor = self.visitors.visitor_of(request)
        trigger = body.get("trigger_id")
        content = {
            "data": check_inputs(
                event.inputs, body.get("data"), lambda name: self.visitors.resolve(name, visitor, session)
            ),
            "event_data": without_files(body.get("event_data")),
            "fn_index": number,
            "trigger_id": None if trigger is None else _whole_number(trigger),
            "session_hash": session,
        }
        await self._forward(request, send, route, content, session)

    async def _cancel(self, request: Request, send: Send, route: Route) -> None:
        body = await self._read(request)
        session = self._session(request, body.get("session_hash"))
        content = {
            "session_hash": session,
            "fn_index": _whole_number(body.get("fn_index")),
            "event_id": _plain_word(body.get("event_id")),
        }
        await self._forward(request, send, route, content, session)

    async def _reset(self, request: Request, send: Send, route: Route) -> None:
        body = await self._read(request)
        await self._forward(request, send, route, {"event_id": _plain_word(body.get("event_id"))}, None)

    async def _upload(self, request: Request, send: Send, route: Route) -> None:
        await _answer(await self.uploads.receive(request, self.visitors.visitor_of(request)), request, send)

    async def _progress(self, request: Request, send: Send, route: Route) -> None:
        await _answer(self.uploads.progress_response(request.query_params.get("upload_id", "")), request, send)

    async def _leave(self, request: Request, send: Send, route: Route, name: str) -> None:
        """Note that the page was closed: the browser says so by itself, and nobody waits for the answer."""
        if self.visitors.owner_of(name) == self.visitors.visitor_of(request):
            self.visitors.close_session(name)
        await _answer(JSONResponse({}), request, send)

    # Parts

    async def _read(self, request: Request) -> dict[str, Any]:
        return await parse_json_body(request.receive, request.headers.get("content-length"), self.visitors.limits)

    def _session(self, request: Request, name: object) -> str:
        return self.visitors.session(name, self.visitors.visitor_of(request), lambda: self._forget(str(name)))

    def _forget(self, session: str) -> None:
        """Remove what Gradio keeps for a closed page, and close its visit.

        Gradio would do it after an hour, and only for states that were the output of an event.
        """
        holder = self.app.state_holder
        state = holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)
        for key, value in list(state.state_data.items()) if state is not None else []:
            block = self.blocks.blocks.get(key)
            if isinstance(block, gr.State):
                block.delete_callback(value)

    async def _forward(
        self, request: Request, send: Send, route: Route, content: dict[str, Any], session: str | None
    ) -> None:
        """Give Gradio the body that was checked, in our own writing."""
        written: list[Message] = [{"type": "http.request", "body": orjson.dumps(content), "more_body": False}]

        async def receive() -> Message:
            return written.pop() if written else await request.receive()

        scope = _inner_scope(request, route)
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
        scope["headers"].append((b"content-type", b"application/json"))
        await self._filter_for(request, session).filter_response(self.app, scope, receive, send)

    def _filter_for(self, request: Request, session: str | None = None) -> AnswerFilter:
        return AnswerFilter(self.visitors, self.visitors.visitor_of(request), session, self.scripts)


def _inner_scope(request: Request, route: Route, accepts_compressed: bool = False) -> Scope:
    given = request.query_params.multi_items()
    if route.query is None:  # a page's own, such as the ticket of a take; an event has those of its page
        kept = [(name, value) for name, value in given if name not in _OF_GRADIO and _WORD.fullmatch(name + value)]
    else:
        kept = [(name, value) for name, value in given if name in route.query]
    query = urlencode(kept)
    scope = request_for_gradio(request.scope, query.encode())
    if accepts_compressed and (accepted := request.headers.get("accept-encoding")):
        scope["headers"].append((b"accept-encoding", accepted.encode("latin-1")))
    return scope


async def _answer(response: Response, request: Request, send: Send) -> None:
    if "content-security-policy" not in response.headers:
        add_security_headers(response.headers)
    await response(request.scope, request.receive, send)


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedError(HTTPStatus.BAD_REQUEST, NO_VALUE)
    return value


def _plain_word(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w-]{1,64}", value):
        raise RefusedError(HTTPStatus.BAD_REQUEST, NO_VALUE)
    return value
