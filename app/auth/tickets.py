"""Encrypted tickets in place of the sign-in cookie, which the playground must never see."""

from cryptography.fernet import Fernet, InvalidToken
from starlette.requests import Request

COOKIE = "undertone_admin"  # of a sign-in; here, as the playground knows tickets and not who may sign in
TICKET_HEADER = b"x-undertone-ticket"
TICKET_SECONDS = 600  # a press of a button may wait in the queue
_SIGN_IN_COOKIES = (COOKIE, "undertone_oauth")


class Tickets:
    """Tickets encrypted with a key of this process; the playground can only pass them back."""

    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())

    def issue(self, cookies: bytes) -> bytes | None:
        """Return the ticket for a Cookie header; None where it holds no sign-in."""
        found = [part.strip() for part in cookies.split(b";") if part.strip().startswith(COOKIE.encode() + b"=")]
        return self._fernet.encrypt(found[0]) if found else None

    def redeem(self, ticket: str) -> Request | None:
        """Return a request that carries the cookie again; None for anything that was not issued here, or too old."""
        try:
            cookie = self._fernet.decrypt(ticket.encode(), ttl=TICKET_SECONDS)
        except InvalidToken:
            return None
        return Request({"type": "http", "method": "POST", "path": "/", "headers": [(b"cookie", cookie)]})


def without_sign_in(cookies: bytes) -> bytes:
    """Return a Cookie header without the cookies that the playground may not see."""
    parts = [part.strip() for part in cookies.split(b";")]
    return b"; ".join(part for part in parts if part and not _is_sign_in_cookie(part))


def sets_sign_in_cookie(set_cookie: bytes) -> bool:
    """Return whether a Set-Cookie header is for a cookie that is not the playground's to set."""
    return _is_sign_in_cookie(set_cookie.strip())


def _is_sign_in_cookie(cookie: bytes) -> bool:
    name = cookie.split(b"=", 1)[0].strip()
    return any(name == one.encode() for one in _SIGN_IN_COOKIES)
