"""Files to be downloaded: reports, exports and restored databases, each for the person who asked for it."""

import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from undertone.app.asgi.root_path import site_path
from undertone.app.auth.sign_in import Admin
from undertone.studies.store.tables import AdminRole

DOWNLOAD = "/results/download"
KEPT_SECONDS = 3600.0


@dataclass(frozen=True)
class Offer:
    """A file for one person.

    Attributes:
        owner: name of who asked for it.
        role: that this person needs, asked again when the file is fetched.
        until: by the clock of `Downloads`.
    """

    path: Path
    owner: str
    role: AdminRole
    until: float


class Downloads:
    """Files to be downloaded, each in a folder of its own, kept for an hour.

    Args:
        folder: temporary; made on first use.
        clock: seconds that never go back.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._offers: dict[str, Offer] = {}
        self._lock = threading.Lock()

    def new_folder(self) -> Path:
        """Return an empty folder, readable by this user alone."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="results-", dir=self._folder))

    def offer(self, path: Path, admin: Admin, role: AdminRole) -> str:
        """Return the address of a file that lies in a folder of `new_folder`; old ones are deleted."""
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._sweep()
            self._offers[key] = Offer(path, admin.name, role, self._clock() + KEPT_SECONDS)
        return site_path(f"{DOWNLOAD}/{key}/{quote(path.name)}")

    def find(self, key: str, admin: Admin) -> Path | None:
        """Return the file of an address, if it was made for this person and may still be had."""
        with self._lock:
            self._sweep()
            offer = self._offers.get(key)
        if offer is None or offer.owner != admin.name or (offer.role == "admin" and admin.role != "admin"):
            return None
        return offer.path

    def _sweep(self) -> None:
        now = self._clock()
        for key in [key for key, offer in self._offers.items() if offer.until <= now]:
            shutil.rmtree(self._offers.pop(key).path.parent, ignore_errors=True)


def ready_html(path: Path, address: str) -> str:
    """Return the note that says a file is ready, with the link that saves it."""
    return (
        f'<p class="note note-good" role="status">{escape(path.name)} is ready. '
        f'<a href="{escape(address)}" download>Save {escape(path.name)}</a></p>'
    )
