"""Who may see the results: signed cookies that end with the session, two roles, and every step in the audit log."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from undertone.app.asgi.client_address import address_of, is_https
from undertone.app.auth.attempts import Attempts, Turn
from undertone.app.auth.passphrases import matches
from undertone.app.auth.refusals import SIGNED_IN, SIGNED_OUT, SignInLog
from undertone.engine.errors import UndertoneError
from undertone.studies.store import Database, StoreError
from undertone.studies.store.tables import AdminRole, AdminUser, Event

COOKIE = "undertone_admin"
DEVICE_COOKIE = "undertone_device"  # says that this browser has signed in before; it opens nothing
SIGNED_IN_SECONDS = 12 * 3600
DEVICE_SECONDS = 180 * 24 * 3600
PATH = "/sign-in"


class SignInError(UndertoneError):
    """Signing in failed: the text says what to do."""


@dataclass(frozen=True)
class Admin:
    """Somebody who is signed in."""

    name: str
    role: AdminRole


@dataclass(frozen=True)
class _SignedIn:
    admin: Admin
    session: str  # fingerprint


class SignIn:
    """Guards the pages of one site.

    Args:
        db: holds the people who may sign in (`passphrases.add_admin`) and the audit log, which names ended sessions.
        secret: signs the cookies.
        attempts: makes wrong tries wait.
    """

    def __init__(self, db: Database, secret: str, attempts: Attempts | None = None) -> None:
        self.db = db
        self.log = SignInLog(db)
        self._serializer = URLSafeTimedSerializer(secret, salt="undertone.admin")
        self._devices = URLSafeTimedSerializer(secret, salt="undertone.admin.device")
        self._attempts = attempts or Attempts()
        self._ended: set[str] = set()  # here too, for a database that takes no events

    def who(self, request: Request) -> Admin | None:
        """Return who sent this request; the role is read afresh, so that taking it away works at once.

        Raises:
            StoreError: the database cannot say.
        """
        found = self._signed_in(request)
        return found.admin if found else None

    def require_admin(self, request: Request) -> str:
        """Return the name of whoever is signed in, with either role; for `mount_gradio_app(auth_dependency=...)`.

        Raises:
            HTTPException: nobody is signed in; a person who opens the page is sent to sign in, all else gets 401.
        """
        return self._require(request).name

    def require_role(self, request: Request, role: AdminRole = "admin") -> Admin:
        """Return whoever is signed in, if they may do this; call it in every handler that changes something.

        Raises:
            HTTPException: 401 nobody is signed in, 403 a reader asks for what only an admin may do.
        """
        admin = self._require(request)
        if role == "admin" and admin.role != "admin":
            raise HTTPException(403, f"{admin.name} may look but not change anything. Ask an admin.")
        return admin

    def take_turn(self, name: str, request: Request) -> Turn:
        """Return how long this try waits before it is looked at.

        Raises:
            TooManyTriesError: more tries are waiting than a person makes.
        """
        return self._attempts.take_turn(name, address_of(request), self._device_of(name, request))

    def check(self, name: str, passphrase: str, turn: Turn) -> Admin:
        """Compare a passphrase with the stored one.

        Raises:
            SignInError: it is wrong, or there is nobody of this name.
        """
        with self.db.reading() as transaction:
            user = transaction.get(AdminUser, name) if name.isprintable() else None  # no database takes a NUL
            stored, role = (user.passphrase_hash, user.role) if user else ("", "reader")
        if not matches(passphrase, stored):
            self.log.refused(name if user else None, "wrong passphrase" if user else "unknown name")
            raise SignInError("Name or passphrase is wrong. Capitals count; an admin can set a new passphrase.")
        self._attempts.was_right(turn)
        return Admin(name, role)

    def admit(self, response: Response, admin: Admin, request: Request, how: str) -> None:
        """Give a session to somebody who has shown who they are."""
        with self.db.reading() as transaction:
            key = _key_of(transaction.get_one(AdminUser, admin.name))
        content = {"name": admin.name, "key": key, "session": secrets.token_urlsafe(16)}
        common: dict[str, Any] = {"httponly": True, "samesite": "lax", "secure": is_https(request)}
        response.set_cookie(COOKIE, self._serializer.dumps(content), max_age=SIGNED_IN_SECONDS, path="/", **common)
        if self._device_of(admin.name, request) is None:
            device = self._devices.dumps({"name": admin.name, "key": key, "device": secrets.token_urlsafe(16)})
            response.set_cookie(DEVICE_COOKIE, device, max_age=DEVICE_SECONDS, path=PATH, **common)
        self.log.write(SIGNED_IN, {"name": admin.name, "how": how})

    def dismiss(self, response: Response, request: Request) -> None:
        """End the session: its cookie is taken away, and a copy of it opens nothing any more."""
        found = self._signed_in(request)
        # With the attributes of the one that was set: a browser takes them for different cookies otherwise.
        response.delete_cookie(COOKIE, path="/", secure=is_https(request), httponly=True, samesite="lax")
        if found is not None:
            self._ended.add(found.session)
            self.log.write(SIGNED_OUT, {"name": found.admin.name, "session": found.session})

    def _require(self, request: Request) -> Admin:
        try:
            admin = self.who(request)
        except StoreError as error:
            raise HTTPException(503, f"Nobody can sign in now: {error}") from error
        if admin is not None:
            return admin
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            raise HTTPException(303, headers={"Location": f"{PATH}?next={quote(_path_of(request))}"})
        raise HTTPException(401, f"Sign in at {PATH} first.")

    def _signed_in(self, request: Request) -> _SignedIn | None:
        content = _content(self._serializer, request.cookies.get(COOKIE, ""), SIGNED_IN_SECONDS)
        if "session" not in content:
            return None
        session = _fingerprint(content["session"])
        with self.db.reading() as transaction:
            user = transaction.get(AdminUser, content["name"])
            if user is None or content["key"] != _key_of(user):
                return None
            if session in self._ended or session in _ended_sessions(transaction):
                return None
            return _SignedIn(Admin(user.name, user.role), session)

    def _device_of(self, name: str, request: Request) -> str | None:
        """Return the browser's own name where it has signed in to this account with the passphrase of today."""
        content = _content(self._devices, request.cookies.get(DEVICE_COOKIE, ""), DEVICE_SECONDS)
        if content.get("name") != name:
            return None
        with self.db.reading() as transaction:
            user = transaction.get(AdminUser, name)
            return str(content["device"]) if user is not None and content["key"] == _key_of(user) else None


def refuse_other_sites(request: Request) -> None:
    """Refuse a post that another site's page sent. Raises HTTPException 403."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    same = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if site:
        same = site in ("same-origin", "none")
    if not same:
        raise HTTPException(403, "This form was sent from another site. Open the page itself and try again.")


def local_path(path: str) -> str:
    """Return a path on this site; anything that would lead elsewhere becomes the results page."""
    parts = urlsplit(path)
    safe = path.startswith("/") and not path.startswith("//") and "\\" not in path and not parts.scheme
    return path if safe and path.isprintable() else "/results"


def _path_of(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _content(serializer: URLSafeTimedSerializer, cookie: str, max_age_seconds: int) -> dict[str, Any]:
    """Return what a cookie of this server says; nothing of a forged, foreign or old one."""
    try:
        content = serializer.loads(cookie, max_age=max_age_seconds)
    except BadSignature:
        return {}
    return content if isinstance(content, dict) else {}


def _ended_sessions(transaction: Transaction) -> set[str]:
    """Return the fingerprints of sessions that were ended before their cookies ran out."""
    since = datetime.now(UTC) - timedelta(seconds=SIGNED_IN_SECONDS)
    query = select(Event.payload).where(Event.study_id.is_(None), Event.kind == SIGNED_OUT, Event.at > since)
    return {str(payload.get("session")) for payload in transaction.scalars(query)}


def _fingerprint(session: str) -> str:
    """Return what the log may keep of a session: nobody can make a cookie of it."""
    return hashlib.sha256(session.encode()).hexdigest()[:32]


def _key_of(user: AdminUser) -> str:
    """Changes with the passphrase, so that a new one ends every old sign-in."""
    return hashlib.sha256(user.passphrase_hash.encode()).hexdigest()[:16]
