"""Canonical addresses, with or without a slash at the end, and error pages for people who opened a wrong one."""

from collections.abc import Collection
from html import escape
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertone.app.asgi.plain_page import plain_page
from undertone.app.asgi.root_path import site_path

WORDS = {
    400: ("That did not work", "The request could not be understood. Open the page again and try once more."),
    401: ("Sign in first", "This page is for people who have signed in."),
    403: ("Not allowed", "This is not for you to see, or the request came from another site."),
    404: ("There is no such page", "Check the address, or start from the first page."),
    405: ("There is no such page", "This address is not one to be opened. Start from the first page."),
    413: ("Too large", "What was sent is larger than this site accepts."),
    429: ("Too many requests", "Wait a minute, then try again."),
    500: (
        "Something went wrong here",
        "It has been written down. Try again; if it stays, tell whoever runs this site.",
    ),
}


class CanonicalPaths:
    """Middleware that redirects GET requests to canonical addresses: pages with assets end with a slash, others do not.

    Args:
        app: the application inside.
        folders: paths of pages with assets of their own beneath, such as "/prosody".
        plain: first parts of paths that never end with a slash, such as "/rate".
    """

    def __init__(self, app: ASGIApp, folders: Collection[str] = (), plain: Collection[str] = ()) -> None:
        self.app = app
        self._folders = {folder.rstrip("/") for folder in folders} - {""}
        self._plain = set(plain)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect to the canonical address, or pass the request on."""
        other = (
            self._canonical_path(scope["path"])
            if scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
            else None
        )
        if other is None:
            await self.app(scope, receive, send)
            return
        query = scope.get("query_string", b"").decode("latin-1")
        await RedirectResponse(f"{other}?{query}" if query else other)(scope, receive, send)

    def _canonical_path(self, path: str) -> str | None:
        """Return the address to go to, by its path alone so that it holds behind any proxy; None to stay."""
        if path in self._folders:
            return f"{path}/"
        bare = path.rstrip("/")
        if path != bare and "/" + path.split("/")[1] in self._plain:
            return bare
        return None


class ErrorPages:
    """Middleware that replaces an error without a page by one, for a person who opened an address in a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and replace an answer that is an error and no page."""
        if scope["type"] != "http" or not wants_page(scope):
            await self.app(scope, receive, send)
            return
        replaced: Response | None = None

        async def answer(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_error_without_page(message):
                replaced = error_page(message["status"])
                for name in ("retry-after", "allow"):
                    if value := Headers(raw=message["headers"]).get(name):
                        replaced.headers[name] = value
                await replaced(scope, receive, send)
            elif replaced is None:
                await send(message)

        await self.app(scope, receive, answer)


def wants_page(scope: Scope) -> bool:
    """Return whether a person has opened this address, rather than a script."""
    return scope["method"] in ("GET", "HEAD") and "text/html" in Headers(scope=scope).get("accept", "")


def error_page(status: int) -> Response:
    """Return a page that says what went wrong and leads back."""
    title, text = WORDS.get(status, (HTTPStatus(status).phrase, "Try again, or start from the first page."))
    back = ("/sign-in", "Sign in") if status == 401 else ("/", "To the first page")
    body = f"""
<main id="main" class="card narrow">
  <h1>{escape(title)}</h1>
  <p>{escape(text)}</p>
  <p><a class="button" href="{escape(site_path(back[0]))}">{back[1]}</a></p>
</main>"""
    return plain_page(title, body, status=status)


def wait_page(scope: Scope, title: str, text: str, seconds: int, status: int = 503) -> Response:
    """Return the answer while something is not there yet: a page that loads itself again, or JSON for a script."""
    headers = {"Retry-After": str(seconds), "Cache-Control": "no-store"}
    if not wants_page(scope):
        return JSONResponse({"detail": text}, status, headers=headers)
    body = f"""
<main id="main" class="card narrow">
  <h1>{escape(title)}</h1>
  <p role="status">{escape(text)}</p>
  <p class="soft">This page loads itself again.</p>
</main>"""
    response = plain_page(title, body, status=status)
    response.headers.update({**headers, "Refresh": str(seconds)})
    return response


def _is_error_without_page(message: Message) -> bool:
    content_type = Headers(raw=message["headers"]).get("content-type", "")
    return message["status"] >= 400 and not content_type.startswith("text/html")
