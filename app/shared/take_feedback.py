"""The requests of a page to the listening studies, whichever process serves them."""

from collections.abc import Sequence
from typing import Protocol

from fastapi import Request

from undertone.engine import TakeSettings, UndertoneError
from undertone.studies.build.takes import TakeSound


class SignInNeededError(UndertoneError):
    """A request for what only an admin may do, by somebody who is not signed in as one."""


class TakeFeedback(Protocol):
    """The requests of the playground: to keep a quick rating, and to make a draft study of takes."""

    def rate_quickly(self, settings: TakeSettings, scale: str, value: float, visitor: str | None) -> None:
        """Keep one quick rating of the take that these settings make. Raises UndertoneError."""
        ...

    def draft(self, takes: Sequence[TakeSound], name: str, request: Request | None) -> str:
        """Make a draft study of takes for the admin who sent the request; returns its name.

        Raises:
            SignInNeededError: nobody is signed in, or somebody who is no admin.
            UndertoneError: the name or the takes do not make a study.
        """
        ...
