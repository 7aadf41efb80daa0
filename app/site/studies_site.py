"""Listening studies as a part of the site: raters' routes, sign-in and the Results page's access.

Nothing here needs a model or Gradio: raters are answered before either is loaded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request

from undertone.app.auth.hugging_face import add_hugging_face, is_configured
from undertone.app.auth.sign_in import SignIn
from undertone.app.auth.sign_in_page import sign_in_router
from undertone.app.rate import prolific_router, rate_router
from undertone.app.results.access import ResultsAccess
from undertone.app.results.routes import results_router
from undertone.app.shared.take_feedback import SignInNeededError
from undertone.engine import TakeSettings, UndertoneError
from undertone.studies.build.takes import TakeSound, study_from_sounds
from undertone.studies.panels import webhook_secret
from undertone.studies.sessions import Sessions, load_secret
from undertone.studies.sessions.casual_ratings import rate_casually
from undertone.studies.store import Database, StorageLocations

STUDY_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class StudiesSite:
    """Sessions, sign-in and database of the studies, shared by all visitors; every request is checked for its role.

    Attributes:
        places: database, sounds, snapshots.
        sessions: the raters' side.
        sign_in: knows who may see results.
        folder: temporary, for downloads.
    """

    places: StorageLocations
    sessions: Sessions
    sign_in: SignIn
    folder: Path

    @classmethod
    def open(cls, db: Database, places: StorageLocations, folder: Path) -> "StudiesSite":
        """Return the studies on an open database."""
        secret = load_secret(places.data)
        sessions = Sessions(db, places.media, secret, places.backups)
        return cls(places, sessions, SignIn(db, secret), folder)

    @property
    def db(self) -> Database:
        return self.sessions.db

    @cached_property
    def access(self) -> ResultsAccess:
        """Return what the Results page works on."""
        return ResultsAccess(self.sign_in, self.places, self.folder)

    def rate_quickly(self, settings: TakeSettings, scale: str, value: float, visitor: str | None) -> None:
        """Keep one quick rating; see `TakeFeedback`."""
        rate_casually(self.db, settings, scale, value, visitor)

    def draft(self, takes: Sequence[TakeSound], name: str, request: Request | None) -> str:
        """Make a draft study of takes; see `TakeFeedback`."""
        self._require_admin(request)
        name = name.strip()
        if not STUDY_NAME.fullmatch(name):
            raise UndertoneError(
                f"{name!r} cannot name a study: use small letters, digits and hyphens, as my-first-study."
            )
        return study_from_sounds(self.db, takes, self.places, name).name

    def _require_admin(self, request: Request | None) -> None:
        if request is None:
            raise SignInNeededError("Sign in first.")
        try:
            self.sign_in.require_role(request, "admin")
        except HTTPException as error:
            raise SignInNeededError(str(error.detail or "Sign in first.")) from error

    def add_to(self, app: FastAPI) -> None:
        """Add the routes without Gradio; call it before anything is mounted at "/", which would take them."""
        app.include_router(rate_router(self.sessions))
        if secret := webhook_secret():
            app.include_router(prolific_router(self.db, load_secret(self.places.data), secret))
        app.include_router(results_router(self.access))
        hugging_face = is_configured()
        app.include_router(sign_in_router(self.sign_in, hugging_face))
        if hugging_face:
            add_hugging_face(app, self.sign_in)
