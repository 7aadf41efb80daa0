"""Panels that raters come from: the states of their submissions there, and what follows for their sessions here.

Public are `ProlificApi`, the client of Prolific, `review_submissions`, which frees places and says whom to pay, and
what reads Prolific's own messages: `check_signature`, `read_message` and `follow_change`.
"""

from undertone.studies.panels.errors import PanelError
from undertone.studies.panels.prolific import ProlificApi, Submission
from undertone.studies.panels.submissions import SubmissionReview, follow_change, review_submissions
from undertone.studies.panels.webhook import (
    SubmissionChange,
    UnreadableMessageError,
    UnsignedMessageError,
    check_signature,
    read_message,
    webhook_secret,
)

__all__ = [
    "PanelError",
    "ProlificApi",
    "Submission",
    "SubmissionChange",
    "SubmissionReview",
    "UnreadableMessageError",
    "UnsignedMessageError",
    "check_signature",
    "follow_change",
    "read_message",
    "review_submissions",
    "webhook_secret",
]
