"""Headers of requests, cut to what Gradio may know, and of answers, with the security policy of a page."""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Scope

from undertone.app.asgi.root_path import site_path
from undertone.app.asgi.space_environment import has_zero_gpu
from undertone.app.guard.refusal import RefusedError

# Gradio builds absolute addresses from the request. It is told this one, which is taken out again on the way to the
# visitor: the page then uses its own address, whatever proxies stand in between and whatever a request says of itself.
ORIGIN_HOST = "gradio.invalid"
ORIGIN = f"http://{ORIGIN_HOST}"
OTHER_SITE = "This request came from another site's page. Open the page itself and try again."
_PAGE_CLOSED_SCRIPT = Path(__file__).with_name("page_closed.js")
FRAME_ANCESTORS = "frame-ancestors 'self' https://huggingface.co"

_BELIEVED_BY_GRADIO = ("x-gradio-", "x-forwarded-", "x-direct-", "x-ip-token", "x-zerogpu")
_OF_ZERO_GPU = b"x-ip-token"  # of the Hub's proxy: whose quota of ZeroGPU a run costs; `spaces` asks Gradio for it
_NOT_PASSED_ON = frozenset(
    {b"origin", b"forwarded", b"accept-encoding", b"content-length", b"host", b"range", b"referer"}
)

# Gradio makes functions of the pages' own scripts (`js=`, `js_on_load`) and, like Plotly, styles in place.
_POLICY = (
    "default-src 'self'; script-src 'self' {scripts} 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    f"worker-src 'self' blob:; object-src 'none'; form-action 'self'; base-uri 'self'; {FRAME_ANCESTORS}"
)
IMMUTABLE = "public, max-age=31536000, immutable"  # Cache-Control of files whose names hold their hash
_HASHED = re.compile(r"/assets/[\w.-]+-[\w-]{8,10}\.\w+$")  # as Vite names them
CLOSED_POLICY = f"default-src 'none'; {FRAME_ANCESTORS}"
FILE_POLICY = f"default-src 'none'; sandbox; {FRAME_ANCESTORS}"


def request_for_gradio(scope: Scope, query: bytes) -> Scope:
    """Return the request as Gradio may know it: without what it would believe about proxies, origins and history."""
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if (name not in _NOT_PASSED_ON and not name.decode("latin-1").startswith(_BELIEVED_BY_GRADIO))
        or (name == _OF_ZERO_GPU and has_zero_gpu())
    ]
    headers = [(b"host", ORIGIN_HOST.encode()), *kept]
    return {**scope, "scheme": "http", "server": (ORIGIN_HOST, 80), "headers": headers, "query_string": query}


def without_origin(content: bytes) -> bytes:
    """Return the content with addresses under the placeholder origin turned into addresses on this site."""
    whole = f'"{ORIGIN}"'.encode()
    root = site_path("")
    return content.replace(whole, f'"{root or "/"}"'.encode()).replace(ORIGIN.encode(), root.encode())


def check_site(headers: Headers) -> None:
    """Refuse what another site's page sends or wants to read. Raises RefusedError."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        same = site in ("same-origin", "none")
    else:
        same = origin is None or urlsplit(origin).netloc == headers.get("host")
    if not same:
        raise RefusedError(HTTPStatus.FORBIDDEN, OTHER_SITE)


def new_nonce() -> str:
    """Return a value that nobody can know before the page is made."""
    return base64.b64encode(secrets.token_bytes(16)).decode()


def with_nonce(html: bytes, nonce: str) -> bytes:
    """Return the page with the nonce of its policy in every script tag."""
    return re.sub(rb"<script(?=[\s>])", f'<script nonce="{nonce}"'.encode(), html)


def with_page_closed_script(html: bytes) -> bytes:
    """Return the page with the script that reports when it is closed, before all others."""
    return html.replace(b"<head>", b"<head><script>" + _PAGE_CLOSED_SCRIPT.read_bytes() + b"</script>", 1)


def script_hashes(head: str) -> tuple[str, ...]:
    """Return the hashes of scripts that Gradio adds to a page in the browser, where they would lose a nonce."""
    texts = re.findall(r"<script>(.*?)</script>", head, re.DOTALL)
    return tuple(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts)


def page_policy(nonce: str, scripts: Iterable[str]) -> str:
    """Return what a page may do: run its own scripts, ask its own server, and lie in a frame of its own or a Space."""
    return _POLICY.format(scripts=" ".join((f"'nonce-{nonce}'", *scripts)))


def add_security_headers(headers: MutableHeaders, policy: str = CLOSED_POLICY) -> None:
    """Set the security headers of an answer and remove those that would let other sites read it."""
    for name in _cors(headers):
        del headers[name]
    headers["Content-Security-Policy"] = policy
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


def is_immutable(path: str) -> bool:
    """Return whether a path names a file of Gradio's pages that has another name once it changes."""
    return _HASHED.search(path) is not None


def _cors(headers: MutableHeaders) -> Iterable[str]:
    return [name for name in headers if name.lower().startswith("access-control-")]
