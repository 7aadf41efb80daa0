"""Access of the Results page to the studies, and the check of role with which every handler begins."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import HTTPException

from undertone.app.auth.sign_in import Admin, SignIn
from undertone.app.results.downloads import Downloads
from undertone.engine import UndertoneError
from undertone.studies.store import Database, StorageLocations
from undertone.studies.store.tables import AdminRole

if TYPE_CHECKING:
    import gradio as gr


class NotAllowedError(UndertoneError):
    """A request for something that the person's role does not allow."""


@dataclass(frozen=True)
class ResultsAccess:
    """Studies, sign-in and downloads of the page, shared by all its visitors.

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
        """Return the sender of a request if their role suffices; every handler asks, as hidden buttons protect nothing.

        Raises:
            NotAllowedError: nobody is signed in, or a reader asks for what only an admin may do.
        """
        try:
            return self.sign_in.require_role(request.request, role)
        except HTTPException as error:
            raise NotAllowedError(str(error.detail or "Sign in first.")) from error
