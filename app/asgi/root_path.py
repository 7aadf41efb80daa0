"""The sub-path under which a proxy shows the site, such as `/voice`; nothing where it has an address of its own.

A server has one. Everything inside works with paths of the site, as `/results`: `UnderRootPath` takes the sub-path off
a request and puts it before redirects and cookies; what a page leads to is written with `site_path`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertone.engine.errors import UndertoneError

# First parts of the site's own paths: a sub-path that began with one could not be told from a page.
_OWN = {
    "api", "assets", "config", "gradio_api", "healthz", "mcp", "panels", "prosody", "rate", "readyz", "results",
    "sign-in", "sign-out", "v1",
}  # fmt: skip
_ROOT = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_COOKIE_PATH = re.compile(rb"(;\s*path=)(/[^;]*)", re.IGNORECASE)
_root: ContextVar[str] = ContextVar("root path of the site", default="")


class RootPathError(UndertoneError):
    """A sub-path under which no site can be shown: the text says why."""


def read_root_path(given: str) -> str:
    """Return the sub-path in its one form: "" for none, else `/voice` without a slash at the end.

    Raises:
        RootPathError: it is no path of plain characters, or begins as a page of the site does.
    """
    root = given.strip().rstrip("/")
    if not root:
        return ""
    if not _ROOT.fullmatch(root):
        raise RootPathError(f"root path {given!r} is no path of plain letters; expected one such as /voice.")
    if root.split("/")[1] in _OWN:
        raise RootPathError(f"root path {given!r} begins as a page of the site does. Choose another, such as /voice.")
    return root


def serve_under(root: str) -> None:
    """Set the sub-path of this process, before anything of it serves: tasks and threads that begin later see it."""
    _root.set(root)


@contextmanager
def under(root: str) -> Iterator[None]:
    """Set the sub-path while the block runs."""
    token = _root.set(root)
    try:
        yield
    finally:
        _root.reset(token)


def site_path(path: str) -> str:
    """Return the address of a path of the site, as a browser must ask for it."""
    return _root.get() + path


class UnderRootPath:
    """Shows a site under a sub-path, whether its proxy takes the sub-path off a request or passes it on.

    Args:
        app: the site, whose paths begin with "/".
        root: of `read_root_path`.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self.app = app
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if not self._root or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] == self._root:
            query = scope.get("query_string", b"").decode("latin-1")
            await RedirectResponse(f"{self._root}/" + (f"?{query}" if query else ""))(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")

        async def outwards(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, self._outside(name.lower(), value, host)) for name, value in message["headers"]]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(self._inside(scope), receive, outwards)

    def _inside(self, scope: Scope) -> Scope:
        """Return the request by the site's own path."""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        if not raw.startswith(f"{self._root}/".encode()):
            return scope  # the proxy took it off
        return {**scope, "path": scope["path"][len(self._root) :], "raw_path": raw[len(self._root) :]}

    def _outside(self, name: bytes, value: bytes, host: str) -> bytes:
        """Return a header's value as the visitor needs it."""
        if name == b"location":
            parts = urlsplit(value.decode("latin-1"))
            if parts.path.startswith("/") and parts.netloc in ("", host):
                return parts._replace(scheme="", netloc="", path=self._root + parts.path).geturl().encode("latin-1")
        if name == b"set-cookie":
            return _COOKIE_PATH.sub(self._under, value, count=1)
        return value

    def _under(self, found: re.Match[bytes]) -> bytes:
        path = found[2].rstrip()
        return found[1] + self._root.encode() + (b"" if path == b"/" else path)
