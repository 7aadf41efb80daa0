"""A person takes their data back: deleted from the tables, blanked in the log, its copy and the snapshots.

Every event that concerns a rater must carry the session's id; the text of the others is searched for their ids too.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import String, cast, delete, or_, select, text, update
from sqlalchemy.orm import Session as Transaction

from undertone.studies.store.backup import snapshot, snapshots
from undertone.studies.store.change_record import changed_rows
from undertone.studies.store.columns import new_id, utc_now
from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.journal import Line
from undertone.studies.store.journal_replay import BLANKING, TOMBSTONE, WITHDRAWN
from undertone.studies.store.tables import Actor, Event, Participant, Rating, Session, Study, Trial


@dataclass(frozen=True)
class WithdrawalResult:
    """Counts of what a withdrawal deleted."""

    participant_id: str
    sessions: int
    ratings: int
    events: int  # blanked
    lines: int  # changed in the log's copy


def find_participant(db: Database, who: str, study_name: str | None = None) -> str:
    """Find a person's id by participant id, session id, resume code or the panel's id.

    Raises:
        StoreError: nobody, or several people, are known by it.
    """
    query = (
        select(Participant.id)
        .distinct()
        .join(Study, Study.id == Participant.study_id)
        .outerjoin(Session, Session.participant_id == Participant.id)
        .where(
            or_(Participant.id == who, Participant.external_id == who, Session.id == who, Session.resume_code == who)
        )
    )
    if study_name is not None:
        query = query.where(Study.name == study_name)
    with db.reading() as session:
        found = list(session.scalars(query))
    if len(found) != 1:
        many = f"{len(found)} people are known by {who!r}; name the study." if found else f"nobody is known by {who!r}."
        raise StoreError(many)
    return found[0]


def withdraw(
    db: Database,
    participant_id: str,
    backups: Path | None = None,
    actor: Actor = "admin",
    now: datetime | None = None,
) -> WithdrawalResult:
    """Delete a person's ratings, answers, device and external id; the places in the plan become free.

    Safe to repeat: a withdrawal that was interrupted is completed.

    Args:
        backups: folder of snapshots; all are replaced by a new one.
    Raises:
        StoreError: there is no such participant.
    """
    now = now or utc_now()
    with db.session() as session:
        person = session.get(Participant, participant_id)
        if person is None:
            raise StoreError(f"there is no participant {participant_id!r}.")
        ids = list(session.scalars(select(Session.id).where(Session.participant_id == participant_id)))
        private = [*ids, participant_id, *_codes(session, ids)]
        if person.external_id:
            private.append(person.external_id)
        ratings = session.execute(delete(Rating).where(Rating.session_id.in_(ids))).rowcount  # type: ignore[attr-defined]
        _clear_rows(session, person, ids, now)
        events = _blank_events(session, person.study_id, ids, private)
        payload = {"participant": participant_id, "sessions": ids, "events": events}
        db.log(session, WITHDRAWN, payload, study_id=person.study_id, actor=actor, at=now)
    lines = blank_copies(db)
    if backups is not None:
        renew_snapshots(db, backups)
    forget_pages(db)
    return WithdrawalResult(participant_id, len(ids), ratings, len(events), lines)


def blank_copies(db: Database) -> int:
    """Put the last state of every deleted person's rows and events into the log's copy; returns changed lines."""
    if db.journal is None:
        return 0
    with db.reading() as session:
        deletions = list(session.scalars(select(Event).where(Event.kind.in_(BLANKING))))
        keys = {(table, key) for event in deletions for table, key in event.touched}
        rows = {(row["table"], row["id"]): row for row in changed_rows(session, sorted(keys))}
    events = {event for deletion in deletions for event in deletion.payload.get("events", [])}

    def blanked(line: Line) -> Line:
        return {
            **line,
            "events": [{**e, "payload": TOMBSTONE} if e["id"] in events else e for e in line["events"]],
            "rows": [rows.get((row["table"], row["id"]), row) for row in line["rows"]],
        }

    return db.journal.rewrite(blanked)


def renew_snapshots(db: Database, folder: Path) -> None:
    """Replace every snapshot by one of now."""
    old = snapshots(folder)
    snapshot(db, folder)
    for path in old:
        path.unlink(missing_ok=True)


def _codes(session: Transaction, ids: list[str]) -> list[str]:
    query = select(Session.resume_code, Session.completion_code).where(Session.id.in_(ids))
    return [code for row in session.execute(query) for code in row if code]


def _clear_rows(session: Transaction, person: Participant, ids: list[str], now: datetime) -> None:
    person.external_id = None
    person.withdrawn_at = person.withdrawn_at or now
    for own in session.scalars(select(Session).where(Session.id.in_(ids))):
        own.state, own.accepted, own.completion_code = "withdrawn", False, None
        own.answers, own.device, own.screening = {}, {}, {}
        own.resume_code = new_id()  # nobody has it
        own.last_seen_at = own.expires_at = own.ended_at = now
    empty: dict[str, Any] = {"listened": [], "plays": 0, "hidden_seconds": 0.0}
    times = {"first_served_at": None, "completed_at": None, "reservation_expires_at": None}
    session.execute(update(Trial).where(Trial.session_id.in_(ids)).values(state="released", **empty, **times))


def _blank_events(session: Transaction, study_id: str, ids: list[str], private: list[str]) -> list[int]:
    written = cast(Event.payload, String)
    mentions = [written.contains(word, autoescape=True) for word in private]
    query = select(Event.id).where(
        or_(Event.session_id.in_(ids), (Event.study_id == study_id) & or_(*mentions)), Event.kind.not_in(BLANKING)
    )
    events = list(session.scalars(query))
    session.execute(update(Event).where(Event.id.in_(events)).values(payload=TOMBSTONE))
    return events


def forget_pages(db: Database) -> None:
    """Overwrite deleted data on disk: in SQLite's write-ahead log and PostgreSQL's dead rows."""
    if db.is_sqlite:
        connection = db.engine.raw_connection()
        try:
            connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
        finally:
            connection.close()
        return
    with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as freeing:
        freeing.execute(text("VACUUM"))
