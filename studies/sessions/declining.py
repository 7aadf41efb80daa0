"""Refused consent: nothing of the session is stored or counted."""

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from undertone.studies.design.sections import Consent
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store import Database
from undertone.studies.store.columns import new_id
from undertone.studies.store.tables import Participant, Session
from undertone.studies.store.withdrawal import withdraw

_TEXT = "You have not taken part, and nothing about you is kept."
_OF_A_PANEL = (
    "You have not taken part, and nothing about you is kept. Please return the task on your panel's page, so that "
    "somebody else can take it."
)


def decline(db: Database, session_id: str, now: datetime, backups: Path | None = None) -> dict[str, Any]:
    """Forget a session that has got no further than the question for consent; returns what the page shows.

    Raises:
        SessionError: the person has agreed already; they may still withdraw.
    """
    with db.reading() as transaction:
        context = SessionContext.load(db, transaction, session_id, now)
        session = context.session
        if context.ended or not isinstance(context.section, Consent) or session.answers:
            raise SessionError("wrong_section")
        shown = _declined_view(context, transaction.get_one(Participant, session.participant_id).source != "link")
        mine = select(func.count()).where(Session.participant_id == session.participant_id)
        only = transaction.scalar(mine) == 1
    if only:
        withdraw(db, session.participant_id, backups, actor="rater", now=now)
    else:
        _forget_session(db, session_id, now)  # what the person gave in an earlier session stays
    return shown


def _forget_session(db: Database, session_id: str, now: datetime) -> None:
    with db.session() as transaction:
        session = transaction.get_one(Session, session_id)
        session.state, session.accepted, session.device = "withdrawn", False, {}
        session.resume_code = new_id()
        session.last_seen_at = session.expires_at = session.ended_at = now
        db.log(transaction, "declined", study_id=session.study_id, session_id=session_id, actor="rater", at=now)


def _declined_view(context: SessionContext, of_a_panel: bool) -> dict[str, Any]:
    ending = context.design.completion.declined
    text = ending.text if ending and ending.text else _OF_A_PANEL if of_a_panel else _TEXT
    code, url = (ending.code, ending.url) if ending else (None, None)
    return {
        "text": text,
        "return_seconds": None,
        "code": code,
        "url": url and url.replace("{code}", code or ""),
        "debrief": None,
    }
