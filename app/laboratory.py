"""Listening studies as a part of the site: the raters' routes, signing in, and what the Results page works on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fastapi import FastAPI

from app.hugging_face import add_hugging_face, is_offered
from app.rate import rate_router
from app.results.desk import Desk
from app.results.routes import results_router
from app.sign_in import SignIn
from app.sign_in_page import sign_in_router
from studies.sessions import Sessions, load_secret
from studies.store import Database, Places


@dataclass(frozen=True)
class Laboratory:
    """Shared by all visitors; who may do what is asked at every request.

    Attributes:
        places: database, sounds, snapshots.
        sessions: the raters' side.
        sign_in: knows who may see results.
        folder: temporary, for downloads.
    """

    places: Places
    sessions: Sessions
    sign_in: SignIn
    folder: Path

    @classmethod
    def on(cls, db: Database, places: Places, folder: Path) -> "Laboratory":
        """The laboratory on an open database."""
        secret = load_secret(places.data)
        sessions = Sessions(db, places.media, secret, places.backups)
        return cls(places, sessions, SignIn(db, secret), folder)

    @property
    def db(self) -> Database:
        return self.sessions.db

    @cached_property
    def desk(self) -> Desk:
        """What the Results page works on."""
        return Desk(self.sign_in, self.places, self.folder)

    def add_to(self, app: FastAPI) -> None:
        """Routes that are no Gradio pages; before anything is mounted at "/", which would take them."""
        app.include_router(rate_router(self.sessions))
        app.include_router(results_router(self.desk))
        hugging_face = is_offered()
        app.include_router(sign_in_router(self.sign_in, hugging_face))
        if hugging_face:
            add_hugging_face(app, self.sign_in)
