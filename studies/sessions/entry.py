"""Entry to a study: who follows the link, whether they may take part, and their new session."""

import hashlib
import hmac
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.sessions.allocation import check_places, session_seed
from undertone.studies.sessions.endings import close_expired
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.flow import enter
from undertone.studies.sessions.panel_note import has_answers
from undertone.studies.sessions.presence import Addresses, Applicant
from undertone.studies.sessions.session_context import SessionContext, study_design
from undertone.studies.sessions.session_tokens import new_resume_code
from undertone.studies.store import Database
from undertone.studies.store.columns import new_id
from undertone.studies.store.tables import Participant, Rating, Session, Source, Study

_PANEL_KEYS: dict[str, Source] = {"PROLIFIC_PID": "prolific", "workerId": "mturk"}
_SUBMISSION_KEYS = ("SESSION_ID", "assignmentId")  # of the panels, in the same order
_PANEL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"  # what MTurk sends before somebody has accepted the task


@dataclass(frozen=True)
class Arrival:
    """A person who follows a link to a study.

    Attributes:
        source: where they come from.
        external_id: the panel's id; None for somebody with a plain link.
        device: "phone" or "desktop", and the browser's family; nothing finer is kept.
        beginning: tells one beginning from another, so that a retry gets the same session: the link of a panel (its id
            and the submission's), else what the page has drawn; empty where the page has drawn nothing.
        address: where the request comes from; bounds who holds places, and is never stored.
    """

    source: Source
    external_id: str | None
    device: dict[str, str]
    beginning: str = ""
    address: str = ""


def arrival_of(query: Mapping[str, str], user_agent: str, nonce: str = "", address: str = "") -> Arrival:
    """Read the link's query and the browser's name.

    Whoever follows a panel's link again, in whichever browser, is the person of this link: the panel's ids in it are
    all that a person who was never shown a code has.

    Args:
        nonce: drawn by the page for this beginning and sent again with every retry.
        address: of the request.
    Raises:
        SessionError: the panel's id is missing or damaged, or this is only a preview.
    """
    if query.get("assignmentId") == _PREVIEW:
        raise SessionError("not_open", "This is a preview. Accept the task first, then open it again.")
    device = device_of(user_agent)
    for (key, source), submission in zip(_PANEL_KEYS.items(), _SUBMISSION_KEYS, strict=True):
        if key in query:
            if not _PANEL_ID.fullmatch(query[key]):
                raise SessionError("bad_answer", "The link lacks your panel's id. Open it from the panel's page again.")
            beginning = link_of(source, query[key], query.get(submission, ""))
            return Arrival(source, query[key], device, beginning, address)
    return Arrival("link", None, device, f"link {nonce}" if nonce else "", address)


def link_of(source: Source, external_id: str, submission: str) -> str:
    """Return what stands for a panel's link: the ids in it, of the person and of the submission if it has one."""
    return f"{source} {external_id} {submission}"


def sessions_of_link(transaction: Transaction, study_id: str, link: str, secret: str) -> list[Session]:
    """Return the sessions of a study that a panel's link has begun, in their order.

    Args:
        link: `link_of` a person and a submission.
        secret: of the server at which they began.
    """
    found: list[Session] = []
    for session_id in _ids(study_id, link, secret):
        session = transaction.get(Session, session_id)
        if session is None:
            break
        found.append(session)
    return found


def device_of(user_agent: str) -> dict[str, str]:
    """Return phone or desktop and the browser's family; nothing finer, on purpose."""
    phone = re.search(r"Mobi|Android|iPhone|iPad", user_agent) is not None
    families = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"))
    family = next((name for sign, name in families if sign in user_agent), "other")
    return {"kind": "phone" if phone else "desktop", "browser": family}


def begin(
    db: Database,
    transaction: Transaction,
    study_id: str,
    visitor: Arrival,
    now: datetime,
    secret: str,
    addresses: Addresses,
) -> Session:
    """Return the session of this beginning: the one under way where it is a retry, else a new one in an open study.

    Args:
        secret: of the server; a session's id follows from it and from the beginning.
        addresses: where sessions began; this one's is noted.
    Raises:
        SessionError: no such study, not open, no places, or this person has been here before.
    """
    study = transaction.get(Study, study_id)
    if study is None:
        raise SessionError("unknown_study")
    ids = _ids(study_id, visitor.beginning, secret)
    begun, session_id = _find_session(transaction, ids, now)
    addresses.note(session_id, visitor.address)
    if begun is not None:
        return begun
    if study.status != "open":
        raise SessionError("not_open")
    design = study_design(study)
    close_expired(db, transaction, study_id, now)
    participant, earlier = _participant(transaction, study, visitor, now)
    if any(session.ended_at is None for session in earlier):
        raise SessionError("already_started")
    if (
        sum(_counts_as_participation(transaction, session) for session in earlier)
        >= design.limits.max_sessions_per_participant
    ):
        raise SessionError("already_completed")
    check_places(transaction, study, design, now, Applicant(addresses.digest(visitor.address), addresses))
    session = Session(
        id=session_id,
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
    context = SessionContext(db, transaction, session, study, design, now, addresses)
    context.touch()
    context.log("began", {"source": visitor.source, "device": visitor.device})
    enter(context)
    return session


def _ids(study_id: str, beginning: str, secret: str) -> Iterator[str]:
    """Yield the ids that sessions of this beginning have, one after the other; random ones where it cannot be told."""
    for attempt in itertools.count():
        if not beginning:
            yield new_id()
        text = f"{study_id}:{beginning}:{attempt}"
        yield hmac.new(secret.encode(), f"beginning:{text}".encode(), hashlib.sha256).hexdigest()[:32]


def _find_session(transaction: Transaction, ids: Iterator[str], now: datetime) -> tuple[Session | None, str]:
    """Return the session of the beginning that goes on, if there is one, and the first id that is free."""
    for session_id in ids:
        session = transaction.get(Session, session_id)
        if session is None:
            return None, session_id
        if session.ended_at is None and now < session.expires_at:
            return session, session_id
    raise AssertionError("ids never end")


def _counts_as_participation(transaction: Transaction, session: Session) -> bool:
    """Return whether a session counts: one that ran out of time before anything was given in it does not."""
    if session.state != "timed_out" or session.section_index or has_answers(session):
        return True
    return transaction.scalar(select(Rating.id).where(Rating.session_id == session.id).limit(1)) is not None


def _participant(
    transaction: Transaction, study: Study, visitor: Arrival, now: datetime
) -> tuple[Participant, list[Session]]:
    """Return the person's row, new or known, and their sessions so far."""
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
