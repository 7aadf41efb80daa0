"""Sign-in of admins and readers: signed cookies that end with the session, and every sign-in in the audit log."""

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
from undertone.app.auth.attempts import Attempts, ScheduledAttempt
from undertone.app.auth.passphrases import verify_passphrase
from undertone.app.auth.sign_in_log import SIGNED_IN, SIGNED_OUT, SignInLog
from undertone.app.auth.tickets import COOKIE
from undertone.engine import UndertoneError
from undertone.studies.store import Database, StoreError
from undertone.studies.store.tables import AdminRole, AdminUser, Event

DEVICE_COOKIE = "undertone_device"  # says that this browser has signed in before; it opens nothing
SIGNED_IN_SECONDS = 12 * 3600
DEVICE_SECONDS = 180 * 24 * 3600
PATH = "/sign-in"


class SignInError(UndertoneError):
    """A failed sign-in; the text says what to do."""


@dataclass(frozen=True)
class Admin:
    """Somebody who is signed in."""

    name: str
    role: AdminRole


@dataclass(frozen=True)
class _AdminSession:
    admin: Admin
    session: str  # fingerprint


class SignIn:
    """Sign-in of one site: checks passphrases, keeps sessions, and asks for roles.

    Args:
        db: holds the people who may sign in (`passphrases.add_admin`) and the audit log, which names ended sessions.
        secret: signs the cookies.
        attempts: delays wrong passphrases.
    """

    def __init__(self, db: Database, secret: str, attempts: Attempts | None = None) -> None:
        self.db = db
        self.log = SignInLog(db)
        self._serializer = URLSafeTimedSerializer(secret, salt="undertone.admin")
        self._devices = URLSafeTimedSerializer(secret, salt="undertone.admin.device")
        self._attempts = attempts or Attempts()
        self._ended_here: set[str] = set()  # kept in memory too, as a paused database takes no events

    def current_admin(self, request: Request) -> Admin | None:
        """Return who sent this request; the role is read afresh, so that taking it away works at once.

        Raises:
            StoreError: the database cannot say.
        """
        found = self._current_session(request)
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

    def schedule(self, name: str, request: Request) -> ScheduledAttempt:
        """Count an attempt and return how long it waits before it is checked.

        Raises:
            TooManyAttemptsError: more attempts are waiting than a person makes.
        """
        return self._attempts.schedule(name, address_of(request), self._device_of(name, request))

    def check(self, name: str, passphrase: str, attempt: ScheduledAttempt) -> Admin:
        """Compare a passphrase with the stored one.

        Raises:
            SignInError: it is wrong, or there is nobody of this name.
        """
        with self.db.reading() as transaction:
            user = transaction.get(AdminUser, name) if name.isprintable() else None  # no database takes a NUL
            stored, role = (user.passphrase_hash, user.role) if user else ("", "reader")
        if not verify_passphrase(passphrase, stored):
            self.log.log_refusal(name if user else None, "wrong passphrase" if user else "unknown name")
            raise SignInError("Name or passphrase is wrong. Capitals count; an admin can set a new passphrase.")
        self._attempts.clear(attempt)
        return Admin(name, role)

    def start_session(self, response: Response, admin: Admin, request: Request, how: str) -> None:
        """Set the session cookie of somebody whose identity was checked, and log the sign-in."""
        with self.db.reading() as transaction:
            key = _key_of(transaction.get_one(AdminUser, admin.name))
        content = {"name": admin.name, "key": key, "session": secrets.token_urlsafe(16)}
        common: dict[str, Any] = {"httponly": True, "samesite": "lax", "secure": is_https(request)}
        response.set_cookie(COOKIE, self._serializer.dumps(content), max_age=SIGNED_IN_SECONDS, path="/", **common)
        if self._device_of(admin.name, request) is None:
            device = self._devices.dumps({"name": admin.name, "key": key, "device": secrets.token_urlsafe(16)})
            response.set_cookie(DEVICE_COOKIE, device, max_age=DEVICE_SECONDS, path=PATH, **common)
        self.log.write(SIGNED_IN, {"name": admin.name, "how": how})

    def end_session(self, response: Response, request: Request) -> None:
        """End the session: its cookie is taken away, and a copy of it opens nothing any more."""
        found = self._current_session(request)
        # With the attributes of the one that was set: a browser takes them for different cookies otherwise.
        response.delete_cookie(COOKIE, path="/", secure=is_https(request), httponly=True, samesite="lax")
        if found is not None:
            self._ended_here.add(found.session)
            self.log.write(SIGNED_OUT, {"name": found.admin.name, "session": found.session})

    def _require(self, request: Request) -> Admin:
        try:
            admin = self.current_admin(request)
        except StoreError as error:
            raise HTTPException(503, f"Nobody can sign in now: {error}") from error
        if admin is not None:
            return admin
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            raise HTTPException(303, headers={"Location": f"{PATH}?next={quote(_path_of(request))}"})
        raise HTTPException(401, f"Sign in at {PATH} first.")

    def _current_session(self, request: Request) -> _AdminSession | None:
        content = _content(self._serializer, request.cookies.get(COOKIE, ""), SIGNED_IN_SECONDS)
        if "session" not in content:
            return None
        session = _fingerprint(content["session"])
        with self.db.reading() as transaction:
            user = transaction.get(AdminUser, content["name"])
            if user is None or content["key"] != _key_of(user):
                return None
            if session in self._ended_here or session in _ended_sessions(transaction):
                return None
            return _AdminSession(Admin(user.name, user.role), session)

    def _device_of(self, name: str, request: Request) -> str | None:
        """Return the browser's device id if it has signed in to this account with its present passphrase, else None."""
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
    """Return the content of a cookie that this server signed; empty for a forged, foreign or expired one."""
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
    """Return the hash of a session for the log, from which no cookie can be made."""
    return hashlib.sha256(session.encode()).hexdigest()[:32]


def _key_of(user: AdminUser) -> str:
    """Return a key that changes with the passphrase, so that a new passphrase ends every old session."""
    return hashlib.sha256(user.passphrase_hash.encode()).hexdigest()[:16]
