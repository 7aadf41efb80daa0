"""Limit on the bodies of all requests to a site."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertone.app.asgi.api_paths import is_api_path
from undertone.app.guard.bodies import TOO_LARGE, check_length
from undertone.app.guard.limits import RequestLimits
from undertone.app.guard.refusal import RefusedError, refusal

UPLOAD_ENDING = "/gradio_api/upload"  # has its own, larger bound in the gate


class BodyLimit:
    """ASGI middleware that ends a request whose body is larger than any form or event; the API has its own limits."""

    def __init__(self, app: ASGIApp, limits: RequestLimits = RequestLimits()) -> None:
        self.app = app
        self._most_bytes = limits.json_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].endswith(UPLOAD_ENDING) or is_api_path(scope["path"]):
            await self.app(scope, receive, send)
            return
        total, begun = 0, False

        async def receive_counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._most_bytes:
                raise RefusedError(413, TOO_LARGE)
            return message

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            check_length(Headers(scope=scope).get("content-length"), self._most_bytes)
            await self.app(scope, receive_counted, send_noted)
        except RefusedError as refused:
            if begun:
                raise
            await refusal(refused.status, refused.sentence)(scope, receive, send)
