"""Visitors: their open pages, the files that they were given, and when these are deleted.

A visitor is known by a cookie with 256 random bits. Where a browser keeps no cookies (a page in another site's frame),
the names of the files are what nobody else knows: they have 192 random bits and are only ever sent to the visitor.
"""

import asyncio
import hashlib
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import Response

from undertone.app.asgi.api_paths import CALLER_SCOPE
from undertone.app.guard.limits import RequestLimits
from undertone.app.guard.refusal import RefusedError
from undertone.app.guard.values import NOT_YOURS

COOKIE = "undertone_visitor"
NOBODY = ""  # a visitor without a cookie
HANDED = "/handed"  # stands for the server's own folder in all that visitors see
BUSY = "This server is busy. Try again in a minute."
FULL = "This server has no room for more recordings now. Try again in a few minutes."
ELSEWHERE = "This page was opened in another window or belongs to somebody else. Reload it."
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(eq=False)
class VisitorFile:
    """A file that was made for visitors or uploaded by one.

    Attributes:
        owners: visitors to whom it was sent.
        sessions: open pages that know it.
        uploaded: whether it came from outside, into a folder of its own.
    """

    path: Path
    size: int = 0
    uploaded: bool = False
    since: float = 0.0
    owners: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)


@dataclass(eq=False)
class PageSession:
    """An open page."""

    visitor: str
    forget: Callable[[], None]  # removes what the page's own visit keeps
    seen: float
    connections: int = 0


class Visitors:
    """All visitors of a site; its pages share one.

    Args:
        root: folder in which everything lies that may be handed out: Gradio's own cache, uploads and visits.
    """

    def __init__(
        self, root: Path, limits: RequestLimits = RequestLimits(), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.root = Path(root).resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self.limits = limits
        self._clock = clock
        self._files: dict[str, VisitorFile] = {}
        self._sessions: dict[str, PageSession] = {}
        self._uploading: list[str] = []
        prefixes = {str(self.root), quote(str(self.root))}
        self._prefixes = sorted((prefix.encode() for prefix in prefixes), key=len, reverse=True)
        self._mentions = re.compile(rb'"(' + re.escape(str(self.root)).encode() + rb'/[^"\\]+)"')

    # Who

    def visitor_of(self, request: HTTPConnection) -> str:
        """Return the visitor who sent a request, or whose key it has; NOBODY without a cookie of ours."""
        caller = getattr(request.scope.get(CALLER_SCOPE), "name", "")
        if caller.startswith("key:"):
            return hashlib.sha256(caller.encode()).hexdigest()
        token = request.cookies.get(COOKIE, "")
        return hashlib.sha256(token.encode()).hexdigest() if _TOKEN.fullmatch(token) else NOBODY

    def set_cookie(self, request: HTTPConnection, response: Response) -> None:
        """Give a cookie to a visitor who opens a page for the first time."""
        if self.visitor_of(request) != NOBODY:
            return
        # Inside another site's frame (a Space on huggingface.co) a browser only sends what is marked "None". Written by
        # hand, as Python before 3.14 knows no partitioned cookies.
        https = request.url.scheme == "https"
        scope = "SameSite=None; Secure; Partitioned" if https else "SameSite=Lax"
        response.headers.append("Set-Cookie", f"{COOKIE}={secrets.token_urlsafe(32)}; HttpOnly; Path=/; {scope}")

    def session(self, name: object, visitor: str, forget: Callable[[], None]) -> str:
        """Return the name of an open page, which belongs to the sender of its first request.

        Raises:
            RefusedError: the page is somebody else's, its name is none, or too many pages are open.
        """
        if not isinstance(name, str) or not _SESSION.fullmatch(name):
            raise RefusedError(HTTPStatus.BAD_REQUEST, ELSEWHERE)
        known = self._sessions.get(name)
        if known is None:
            self._make_room(visitor)
            self._sessions[name] = PageSession(visitor, forget, self._clock())
            self._schedule_sweep()
        elif known.visitor != visitor:
            raise RefusedError(HTTPStatus.FORBIDDEN, ELSEWHERE)
        else:
            known.seen = self._clock()
        return name

    def _make_room(self, visitor: str) -> None:
        """End the page that was silent longest when too many are open, of one visitor or in all."""
        mine = [name for name, session in self._sessions.items() if session.visitor == visitor != NOBODY]
        for open_pages, most in ((mine, self.limits.visitor_sessions), ([*self._sessions], self.limits.sessions)):
            if len(open_pages) >= most:
                silent = [name for name in open_pages if self._sessions[name].connections == 0]
                if not silent:
                    raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, BUSY)
                self.close_session(min(silent, key=lambda name: self._sessions[name].seen))

    @contextmanager
    def connection(self, name: str) -> Iterator[None]:
        """Count the page as connected for as long as the block runs."""
        session = self._sessions[name]
        session.connections += 1
        try:
            yield
        finally:
            session.connections -= 1
            session.seen = self._clock()
            self._schedule_sweep()

    def owner_of(self, name: str) -> str | None:
        """Return the visitor of an open page."""
        session = self._sessions.get(name)
        return None if session is None else session.visitor

    def close_session(self, name: str) -> None:
        """End an open page: its visit's files, its uploads and what it was handed are gone."""
        session = self._sessions.pop(name, None)
        if session is None:
            return
        session.forget()
        for file in list(self._files.values()):
            if name in file.sessions:
                file.sessions.discard(name)
                if not file.sessions:
                    self._delete(file)

    def sweep(self) -> None:
        """End every page whose connection has been gone for too long, and drop uploads that no page took."""
        before = self._clock() - self.limits.grace_seconds
        for name, session in list(self._sessions.items()):
            if session.connections == 0 and session.seen <= before:
                self.close_session(name)
        for file in list(self._files.values()):
            if file.uploaded and not file.sessions and file.since <= before:
                self._delete(file)

    def _schedule_sweep(self) -> None:
        """Call `sweep` again after the grace period."""
        try:
            asyncio.get_running_loop().call_later(self.limits.grace_seconds + 1, self.sweep)
        except RuntimeError:
            return  # outside a server

    # Files

    def hide_root(self, content: bytes) -> bytes:
        """Return the content with a placeholder in place of the server's folder."""
        for prefix in self._prefixes:
            content = content.replace(prefix, HANDED.encode())
        return content

    def register_files(self, content: bytes, visitor: str, session: str | None) -> None:
        """Remember every file that a message to a visitor names."""
        for mention in self._mentions.findall(content):
            self._register_file(mention.decode(errors="replace"), visitor, session)

    def _register_file(self, path: str, visitor: str, session: str | None) -> VisitorFile:
        file = self._files.setdefault(path, VisitorFile(Path(path), since=self._clock()))
        file.owners.add(visitor)
        if session is not None:
            file.sessions.add(session)
        return file

    def resolve(self, name: str, visitor: str, session: str | None = None) -> str:
        """Return the path of a file by the name under which a visitor knows it.

        Raises:
            RefusedError: this visitor was never given such a file, or it is gone; both are answered alike.
        """
        path = f"{self.root}{name[len(HANDED) :]}" if name.startswith(f"{HANDED}/") else ""
        file = self._files.get(path)
        if file is None or visitor not in file.owners or not _is_plain(file.path):
            raise RefusedError(HTTPStatus.FORBIDDEN, NOT_YOURS)
        if session is not None:
            file.sessions.add(session)
        return path

    # Uploads

    @contextmanager
    def upload_slot(self, visitor: str) -> Iterator[None]:
        """Count one upload while the block runs. Raises RefusedError where too many are under way."""
        busy = visitor != NOBODY and self._uploading.count(visitor) >= self.limits.visitor_uploads
        if busy or len(self._uploading) >= self.limits.uploads:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, BUSY)
        self._uploading.append(visitor)
        try:
            yield
        finally:
            self._uploading.remove(visitor)

    def allocate_upload(self, visitor: str, name: str, size: int) -> Path:
        """Return a path of its own for a file of `size` bytes, and make room for it. Raises RefusedError."""
        if shutil.disk_usage(self.root).free - size < self.limits.free_bytes:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, FULL)
        if sum(file.size for file in self._files.values()) + size > self.limits.all_bytes:
            self.sweep()
            if sum(file.size for file in self._files.values()) + size > self.limits.all_bytes:
                raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, FULL)
        mine = [file for file in self._files.values() if file.uploaded and visitor in file.owners]
        most_bytes, most_files = self.limits.visitor_bytes, self.limits.visitor_files
        if visitor == NOBODY:  # these are many people
            most_bytes, most_files = self.limits.all_bytes // 2, 1_000
        while mine and (sum(file.size for file in mine) + size > most_bytes or len(mine) >= most_files):
            self._delete(mine.pop(0))
        folder = self.root / "uploads" / secrets.token_urlsafe(24)
        folder.mkdir(parents=True)
        path = folder / _safe_name(name)
        file = self._register_file(str(path), visitor, None)
        file.uploaded, file.size = True, size
        self._schedule_sweep()
        return path

    def _delete(self, file: VisitorFile) -> None:
        self._files.pop(str(file.path), None)
        if file.uploaded:
            shutil.rmtree(file.path.parent, ignore_errors=True)
        elif file.path.parent.parent != self.root:  # else a copy of Gradio's, which others may get too
            file.path.unlink(missing_ok=True)


def _safe_name(name: str) -> str:
    """Return the last part of a file's name, without what a path or a header could take for something else."""
    plain = re.sub(r"[^\w.-]", "_", re.split(r"[/\\]", name)[-1])[-80:].lstrip(".-")
    return plain or "file"


def _is_plain(path: Path) -> bool:
    """Return whether a path is a regular file in a place without links."""
    try:
        return path.is_file() and not path.is_symlink() and path.resolve() == path
    except (OSError, ValueError):
        return False
