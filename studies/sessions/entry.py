"""Coming in: who somebody is by the link they followed, whether they may take part, and their new session."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from studies.sessions.allocation import check_places, session_seed
from studies.sessions.endings import close_expired
from studies.sessions.errors import SessionError
from studies.sessions.flow import enter
from studies.sessions.sitting import Sitting, design_of
from studies.sessions.tokens import new_resume_code
from studies.store import Database
from studies.store.tables import Participant, Session, Source, Study

_PANEL_KEYS: dict[str, Source] = {"PROLIFIC_PID": "prolific", "workerId": "mturk"}
_PANEL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"  # what MTurk sends before somebody has accepted the task


@dataclass(frozen=True)
class Visitor:
    """Somebody at the door.

    Attributes:
        source: where they come from.
        external_id: the panel's id; None for somebody with a plain link.
        device: "phone" or "desktop", and the browser's family; nothing finer is kept.
    """

    source: Source
    external_id: str | None
    device: dict[str, str]


def visitor_of(query: Mapping[str, str], user_agent: str) -> Visitor:
    """Read the link's query and the browser's name.

    Raises:
        SessionError: the panel's id is missing or damaged, or this is only a preview.
    """
    if query.get("assignmentId") == _PREVIEW:
        raise SessionError("not_open", "This is a preview. Accept the task first, then open it again.")
    for key, source in _PANEL_KEYS.items():
        if key in query:
            if not _PANEL_ID.fullmatch(query[key]):
                raise SessionError("bad_answer", "The link lacks your panel's id. Open it from the panel's page again.")
            return Visitor(source, query[key], device_of(user_agent))
    return Visitor("link", None, device_of(user_agent))


def device_of(user_agent: str) -> dict[str, str]:
    """Coarse on purpose."""
    phone = re.search(r"Mobi|Android|iPhone|iPad", user_agent) is not None
    families = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"))
    family = next((name for sign, name in families if sign in user_agent), "other")
    return {"kind": "phone" if phone else "desktop", "browser": family}


def begin(db: Database, transaction: Transaction, study_id: str, visitor: Visitor, now: datetime) -> Session:
    """A new session in a study that is open.

    Raises:
        SessionError: no such study, not open, no places, or this person has been here before.
    """
    study = transaction.get(Study, study_id)
    if study is None:
        raise SessionError("unknown_study")
    if study.status != "open":
        raise SessionError("not_open")
    design = design_of(study)
    close_expired(db, transaction, study_id, now)
    participant, earlier = _participant(transaction, study, visitor, now)
    if any(session.ended_at is None for session in earlier):
        raise SessionError("already_started")
    if len(earlier) >= design.limits.max_sessions_per_participant:
        raise SessionError("already_completed")
    check_places(transaction, study, design, now)
    session = Session(
        study_id=study.id,
        participant_id=participant.id,
        started_at=now,
        last_seen_at=now,
        expires_at=now,
        device=visitor.device,
        seed=session_seed(study, participant.id, len(earlier)),
        resume_code=new_resume_code(),
    )
    transaction.add(session)
    transaction.flush()
    sitting = Sitting(db, transaction, session, study, design, now)
    sitting.touch()
    sitting.log("began", {"source": visitor.source, "device": visitor.device})
    enter(sitting)
    return session


def _participant(
    transaction: Transaction, study: Study, visitor: Visitor, now: datetime
) -> tuple[Participant, list[Session]]:
    """The person's row, new or known, and their sessions so far."""
    if visitor.external_id is not None:
        query = select(Participant).where(
            Participant.study_id == study.id,
            Participant.source == visitor.source,
            Participant.external_id == visitor.external_id,
        )
        known = transaction.scalar(query)
        if known is not None:
            sessions = select(Session).where(Session.participant_id == known.id)
            return known, list(transaction.scalars(sessions))
    fresh = Participant(study_id=study.id, source=visitor.source, external_id=visitor.external_id, created_at=now)
    transaction.add(fresh)
    transaction.flush()
    return fresh, []
