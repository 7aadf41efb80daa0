"""Whether the site may lie in a frame of another site, as a Space lies in one of huggingface.co.

Only there are the cookies of a sign-in made for frames: `SameSite=None` so that a browser sends them, `Partitioned` so
that it sends them under that other site alone, and over https alone. Everywhere else they are `SameSite=Lax`.
"""

import os
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FRAMED_VARIABLE = "UNDERTONE_FRAMED"  # 1 or 0; by default on a Space


def is_framed(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether frames are wanted here."""
    said = environment.get(FRAMED_VARIABLE, "").strip()
    return said not in ("0", "no", "false") if said else bool(environment.get("SPACE_ID"))


def framed_cookie(set_cookie: bytes) -> bytes:
    """Return a Set-Cookie header as a frame of another site needs it; one that is not `Secure` stays as it is."""
    parts = [part.strip() for part in set_cookie.split(b";")]
    names = [part.split(b"=")[0].lower() for part in parts[1:]]
    if b"secure" not in names:
        return set_cookie
    kept = [parts[0], *(part for part, name in zip(parts[1:], names, strict=True) if name != b"samesite")]
    if b"partitioned" not in names:
        kept.append(b"Partitioned")
    return b"; ".join([*kept, b"SameSite=None"])


class FramedCookies:
    """Gives every cookie of a site over https the form that a frame needs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with other cookies in the answer."""

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    (name, framed_cookie(value) if name.lower() == b"set-cookie" else value)
                    for name, value in message["headers"]
                ]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, framed)
