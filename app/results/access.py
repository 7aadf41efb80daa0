"""What the Results page works on, and the check that every handler of it begins with."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import HTTPException

from undertone.app.auth.sign_in import Admin, SignIn
from undertone.app.results.downloads import Downloads
from undertone.engine.errors import UndertoneError
from undertone.studies.store import Database, StorageLocations
from undertone.studies.store.tables import AdminRole

if TYPE_CHECKING:
    import gradio as gr


class NotAllowedError(UndertoneError):
    """Somebody asked for what their role does not allow."""


@dataclass(frozen=True)
class ResultsAccess:
    """Shared by all visitors of the page.

    Attributes:
        sign_in: says who asks, afresh for every request.
        places: sounds and snapshots.
        folder: temporary; reports and exports to be downloaded are written in it.
    """

    sign_in: SignIn
    places: StorageLocations
    folder: Path

    @cached_property
    def downloads(self) -> Downloads:
        """Return the files that were made for somebody."""
        return Downloads(self.folder)

    @property
    def db(self) -> Database:
        return self.sign_in.db

    def require(self, request: "gr.Request", role: AdminRole) -> Admin:
        """Whoever sent the request, if they may do this; hidden buttons protect nothing, so every handler asks.

        Raises:
            NotAllowedError: nobody is signed in, or a reader asks for what only an admin may do.
        """
        try:
            return self.sign_in.require_role(request.request, role)
        except HTTPException as error:
            raise NotAllowedError(str(error.detail or "Sign in first.")) from error
