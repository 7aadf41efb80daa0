"""Note of a session that a panel has ended: its person returned the task there, or ran out of the panel's time."""

from typing import Any

from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store.tables import Session

_KEY = "_panel"  # among the session's own notes


def note_end(context: SessionContext, status: str) -> None:
    """Note with which status of the panel a session ends."""
    context.session.answers = {**context.session.answers, _KEY: {"status": status}}
    context.log("panel", {"status": status}, actor="server")


def panel_status(answers: dict[str, Any]) -> str | None:
    """Return the status with which a panel has ended a session, such as "RETURNED"; None where it has not."""
    noted = answers.get(_KEY)
    return str(noted.get("status")) if isinstance(noted, dict) else None


def has_answers(session: Session) -> bool:
    """Return whether the person has given something in the session."""
    return any(key != _KEY for key in session.answers)
