"""Client of the private socket in the playground: sends quick ratings, draft studies and shared prompts."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import httpcore2
from fastapi import Request
from pydantic import BaseModel, ValidationError

from undertone.app.auth.tickets import TICKET_HEADER
from undertone.app.server.studies_messages import (
    DRAFT_PATH,
    FETCH_PATH,
    QUICK_RATING_PATH,
    SHARE_PATH,
    WITHDRAW_PATH,
    DraftCreated,
    DraftStudy,
    DraftTake,
    PromptMessage,
    PromptWord,
    QuickRatingMessage,
    Refusal,
    Withdrawn,
)
from undertone.app.shared.shared_prompts import is_word
from undertone.app.shared.take_feedback import SignInNeededError
from undertone.engine import TakeSettings, UndertoneError
from undertone.studies.build.takes import TakeSound

TIMEOUTS = {"connect": 5.0, "read": 60.0, "write": 60.0, "pool": 5.0}
NOT_NOW = "The studies do not answer at the moment. Try again in a minute."


class StudiesClient:
    """`TakeFeedback` and `PromptSharing` over a socket of the front process.

    Args:
        socket: path of its Unix socket.
    """

    def __init__(self, socket: Path) -> None:
        self._pool = httpcore2.ConnectionPool(uds=str(socket), max_connections=4, keepalive_expiry=2.0)

    def rate_quickly(self, settings: TakeSettings, scale: str, value: float, visitor: str | None) -> None:
        """Keep one quick rating. Raises UndertoneError."""
        self._send(QUICK_RATING_PATH, QuickRatingMessage(settings=settings, scale=scale, value=value, visitor=visitor))

    def draft(self, takes: Sequence[TakeSound], name: str, request: Request | None) -> str:
        """Make a draft study of takes for the admin behind the request; returns its name. Raises UndertoneError."""
        ticket = "" if request is None else request.headers.get(TICKET_HEADER.decode(), "")
        if not ticket:
            raise SignInNeededError("Sign in first.")
        try:
            sent = [
                DraftTake(settings=take.settings, samples=b64encode(take.samples), prompt_samples=take.prompt_samples)
                for take in takes
            ]
            message = DraftStudy(name=name, ticket=ticket, takes=sent)
        except ValidationError as error:
            raise UndertoneError(f"no study can be made of this: {error.errors()[0]['msg']}.") from error
        return DraftCreated.model_validate_json(self._send(DRAFT_PATH, message)).name

    def share_prompt(self, samples: bytes) -> str:
        """Keep a prompt and return its key; see `PromptSharing`."""
        try:
            message = PromptMessage(samples=b64encode(samples))
        except ValidationError as error:
            raise UndertoneError(f"the prompt cannot be shared: {error.errors()[0]['msg']}.") from error
        return PromptWord.model_validate_json(self._send(SHARE_PATH, message)).word

    def fetch_prompt(self, name: str) -> bytes | None:
        """Return the samples of a shared prompt; see `PromptSharing`. Raises UndertoneError."""
        if not is_word(name):
            return None
        answer = self._send(FETCH_PATH, PromptWord(word=name))
        return None if answer == b"null" else PromptMessage.model_validate_json(answer).samples

    def withdraw_prompt(self, key: str) -> bool:
        """Delete a shared prompt; see `PromptSharing`. Raises UndertoneError."""
        return is_word(key) and Withdrawn.model_validate_json(self._send(WITHDRAW_PATH, PromptWord(word=key))).was_kept

    def _send(self, path: str, message: BaseModel) -> bytes:
        url = httpcore2.URL(scheme=b"http", host=b"studies", target=path.encode())
        try:
            answer = self._pool.request(
                b"POST", url, content=message.model_dump_json().encode(), extensions={"timeout": TIMEOUTS}
            )
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
            raise UndertoneError(NOT_NOW) from error
        if answer.status == 200:
            return answer.content
        try:
            refusal = Refusal.model_validate_json(answer.content)
        except ValidationError as error:
            raise UndertoneError(NOT_NOW) from error
        raise (SignInNeededError if refusal.sign_in else UndertoneError)(refusal.text)
