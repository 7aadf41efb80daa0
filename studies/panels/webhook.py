"""Messages that Prolific sends of its own accord when the state of a submission changes, believed only if signed.

The forms are those of https://docs.prolific.com/api-reference/webhooks: the header X-Prolific-Request-Signature has the
base64 of the SHA-256 HMAC of the header X-Prolific-Request-Timestamp (Unix time) followed by the body, made with the
secret of the workspace.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from undertone.studies.panels.errors import PanelError
from undertone.studies.panels.prolific import ID, STATUS, Submission

SECRET_VARIABLE = "UNDERTONE_PROLIFIC_WEBHOOK_SECRET"
SHORTEST_SECRET = 16  # characters; Prolific's own have more
SIGNATURE_HEADER = "X-Prolific-Request-Signature"
TIMESTAMP_HEADER = "X-Prolific-Request-Timestamp"
MOST_BYTES = 16 * 1024  # of a message, which has some hundred
REPLAY_SECONDS = 300.0  # older, or so far ahead of our clock, a signed message is not taken
SUBMISSION_CHANGED = "submission.status.change"


class UnsignedMessageError(PanelError):
    """A message whose signature or time does not show that Prolific sent it now."""


class UnreadableMessageError(PanelError):
    """A signed message that has none of the forms that are known here."""


class SubmissionChange(BaseModel):
    """A change of a submission's state; fields that are not known are left out, as there may be others one day."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    resource_id: Annotated[str, Field(pattern=ID)]
    participant_id: Annotated[str, Field(pattern=ID)]
    status: Annotated[str, Field(pattern=STATUS)]

    @property
    def submission(self) -> Submission:
        """Return the submission as it is now."""
        return Submission(id=self.resource_id, participant_id=self.participant_id, status=self.status)


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    event_type: Annotated[str, Field(max_length=100)]


def webhook_secret(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the secret of the workspace at Prolific; None where Prolific is not to send anything.

    Raises:
        PanelError: it is too short to be one.
    """
    secret = environment.get(SECRET_VARIABLE, "").strip()
    if not secret:
        return None
    if len(secret) < SHORTEST_SECRET:
        raise PanelError(
            f"{SECRET_VARIABLE} has {len(secret)} characters; a workspace's secret at Prolific has {SHORTEST_SECRET} "
            "or more. Copy the value that its API answered when the secret was made."
        )
    return secret


def signature_of(body: bytes, timestamp: str, secret: str) -> str:
    """Return the signature of a message that is sent at a time."""
    return base64.b64encode(_digest(body, timestamp, secret)).decode()


def _digest(body: bytes, timestamp: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()


def check_signature(body: bytes, signature: str, timestamp: str, secret: str, now: datetime) -> None:
    """Check that a message comes from Prolific and is of now.

    Args:
        body: as it came, before anything of it is read.
        signature: of the header.
        timestamp: of the header, Unix time in seconds.
        secret: of the workspace.
        now: with its zone.
    Raises:
        UnsignedMessageError: it does not, or is not.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise UnsignedMessageError("the message has no time in seconds.")
    try:
        given = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise UnsignedMessageError("the message has no signature.") from None
    if not hmac.compare_digest(given, _digest(body, timestamp, secret)):
        raise UnsignedMessageError("the signature is not that of this message and this workspace's secret.")
    if abs(now.timestamp() - int(timestamp)) > REPLAY_SECONDS:
        raise UnsignedMessageError(f"the message was sent more than {REPLAY_SECONDS:.0f} s away from this clock.")


def read_message(body: bytes) -> SubmissionChange | None:
    """Return the change that a signed message tells; None for events of other kinds.

    Raises:
        UnreadableMessageError: it is no JSON of the known form.
    """
    try:
        if _Message.model_validate_json(body).event_type != SUBMISSION_CHANGED:
            return None
        return SubmissionChange.model_validate_json(body)
    except (ValidationError, RecursionError) as error:
        where = error.errors()[0]["loc"] if isinstance(error, ValidationError) else ()
        raise UnreadableMessageError(f"the message is in a form that is not known here: {where}.") from None
