"""Who may see the results: signed cookies, two roles, limited attempts, and every step in the audit log."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.passphrases import matches
from engine.errors import UndertoneError
from studies.store import Database
from studies.store.tables import AdminRole, AdminUser

COOKIE = "undertone_admin"
SIGNED_IN_SECONDS = 12 * 3600
PATH = "/sign-in"


class SignInError(UndertoneError):
    """Signing in failed: the text says what to do."""


@dataclass(frozen=True)
class Admin:
    """Somebody who is signed in."""

    name: str
    role: AdminRole


class SignIn:
    """Guards the pages of one site.

    Args:
        db: holds the people who may sign in (`app.passphrases.add_admin`) and the audit log.
        secret: signs the cookies.
        attempts: of a passphrase, for one name from one address.
    """

    def __init__(self, db: Database, secret: str, attempts: str = "5/minute;20/hour") -> None:
        self.db = db
        self._serializer = URLSafeTimedSerializer(secret, salt="undertone.admin")
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._attempts = parse_many(attempts)

    def who(self, request: Request) -> Admin | None:
        """Who sent this request; the role is read afresh, so that taking it away works at once."""
        try:
            content = self._serializer.loads(request.cookies.get(COOKIE, ""), max_age=SIGNED_IN_SECONDS)
        except BadSignature:
            return None
        with self.db.reading() as transaction:
            user = transaction.get(AdminUser, content["name"])
            known = user is not None and content["key"] == _key_of(user)
            return Admin(user.name, user.role) if user is not None and known else None

    def require_admin(self, request: Request) -> str:
        """The name of whoever is signed in, with either role; for `gr.mount_gradio_app(auth_dependency=...)`.

        Raises:
            HTTPException: nobody is signed in; a person who opens the page is sent to sign in, all else gets 401.
        """
        admin = self.who(request)
        if admin is not None:
            return admin.name
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            raise HTTPException(303, headers={"Location": f"{PATH}?next={quote(_path_of(request))}"})
        raise HTTPException(401, f"Sign in at {PATH} first.")

    def require_role(self, request: Request, role: AdminRole = "admin") -> Admin:
        """Whoever is signed in, if they may do this; call it in every handler that changes something.

        Raises:
            HTTPException: 401 nobody is signed in, 403 a reader asks for what only an admin may do.
        """
        name = self.require_admin(request)
        admin = self.who(request)
        if admin is None or (role == "admin" and admin.role != "admin"):
            raise HTTPException(403, f"{name} may look but not change anything. Ask an admin.")
        return admin

    def check(self, name: str, passphrase: str, address: str) -> Admin:
        """Somebody tries a passphrase.

        Raises:
            SignInError: wrong, or tried too often.
        """
        if not all(self._limiter.hit(limit, name, address) for limit in self._attempts):
            self._log("admin.refused", name, reason="too many attempts")
            raise SignInError("Too many attempts. Wait a few minutes, then try again.")
        with self.db.reading() as transaction:
            user = transaction.get(AdminUser, name)
            stored, role = (user.passphrase_hash, user.role) if user else ("", "reader")
        if not matches(passphrase, stored):
            self._log("admin.refused", name, reason="wrong name or passphrase")
            raise SignInError("Name or passphrase is wrong. Capitals count; an admin can set a new passphrase.")
        return Admin(name, role)

    def admit(self, response: Response, admin: Admin, request: Request, how: str) -> None:
        """Give the cookie to somebody who has shown who they are."""
        with self.db.reading() as transaction:
            key = _key_of(transaction.get_one(AdminUser, admin.name))
        content = self._serializer.dumps({"name": admin.name, "key": key})
        secure = is_https(request)
        response.set_cookie(
            COOKIE, content, max_age=SIGNED_IN_SECONDS, httponly=True, samesite="lax", secure=secure, path="/"
        )
        self._log("admin.signed_in", admin.name, how=how)

    def dismiss(self, response: Response, request: Request) -> None:
        """Take the cookie away."""
        admin = self.who(request)
        response.delete_cookie(COOKIE, path="/")
        if admin is not None:
            self._log("admin.signed_out", admin.name)

    def _log(self, kind: str, name: str, **more: str) -> None:
        with self.db.session() as transaction:
            self.db.log(transaction, kind, {"name": name[:80], **more}, actor="admin", at=datetime.now(UTC))


def refuse_other_sites(request: Request) -> None:
    """Refuse a post that another site's page sent. Raises HTTPException 403."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    same = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if site:
        same = site in ("same-origin", "none")
    if not same:
        raise HTTPException(403, "This form was sent from another site. Open the page itself and try again.")


def is_https(request: Request) -> bool:
    """Whether the visitor's side of the connection is encrypted, also behind a proxy."""
    return request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip() == "https"


def local_path(path: str) -> str:
    """A path on this site; anything that would lead elsewhere becomes the results page."""
    parts = urlsplit(path)
    safe = path.startswith("/") and not path.startswith("//") and "\\" not in path and not parts.scheme
    return path if safe and path.isprintable() else "/results"


def _path_of(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _key_of(user: AdminUser) -> str:
    """Changes with the passphrase, so that a new one ends every old sign-in."""
    return hashlib.sha256(user.passphrase_hash.encode()).hexdigest()[:16]
