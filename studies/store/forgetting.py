"""Delete who took part in a closed study and keep what they rated.

Panel ids, completion codes and questionnaires go from the tables, the log, its copy and the snapshots. Screening and
the coarse device stay, as the numbers of a report depend on them and say nothing about a person.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import String, cast, or_, select, update
from sqlalchemy.orm import Session as Transaction

from undertone.studies.store.columns import new_id, utc_now
from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.journal_replay import BLANKING, FORGOTTEN, TOMBSTONE
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Event, Participant, Session
from undertone.studies.store.withdrawal import blank_copies, forget_pages, renew_snapshots

ANSWERED = "answered"  # kind of the event that repeats a questionnaire


@dataclass(frozen=True)
class ForgettingResult:
    """Counts of what was deleted."""

    people: int
    sessions: int
    events: int  # blanked
    lines: int  # changed in the log's copy


def forget_people(
    db: Database, study_name: str, backups: Path | None = None, now: datetime | None = None
) -> ForgettingResult:
    """Delete panel ids, codes and questionnaires of everybody who took part; their ratings stay.

    Safe to repeat: what was interrupted is completed.

    Args:
        study_name: of a study that is closed, as a panel's id is also what keeps a person from rating twice.
        backups: folder of snapshots; all are replaced by a new one.
    Raises:
        StoreError: there is no such study, or it is not closed.
    """
    with db.session() as session:
        study = find_study(session, study_name)
        if study.status != "closed":
            raise StoreError(f"study {study_name!r} is {study.status}; close it first, or people could rate twice.")
        people = list(session.scalars(select(Participant).where(Participant.study_id == study.id)))
        sessions = list(session.scalars(select(Session).where(Session.study_id == study.id)))
        events = _blank_events(session, study.id, _identifying_words(people, sessions))
        for person in people:
            person.external_id = None
        for own in sessions:
            own.completion_code, own.answers, own.resume_code = None, {}, new_id()
        payload = {"people": len(people), "sessions": len(sessions), "events": events}
        db.log(session, FORGOTTEN, payload, study_id=study.id, actor="admin", at=now or utc_now())
    lines = blank_copies(db)
    if backups is not None:
        renew_snapshots(db, backups)
    forget_pages(db)
    return ForgettingResult(len(people), len(sessions), len(events), lines)


def _identifying_words(people: list[Participant], sessions: list[Session]) -> list[str]:
    """Return the codes and ids by which a person could be recognised in the log."""
    codes = [code for own in sessions for code in (own.resume_code, own.completion_code) if code]
    return [*(person.external_id for person in people if person.external_id), *codes]


def _blank_events(session: Transaction, study_id: str, words: list[str]) -> list[int]:
    """Blank questionnaires and whatever mentions a person; returns the events' ids."""
    written = cast(Event.payload, String)
    found: set[int] = set(session.scalars(select(Event.id).where(Event.study_id == study_id, Event.kind == ANSWERED)))
    for start in range(0, len(words), 100):  # a statement takes a limited number of words
        mentions = [written.contains(word, autoescape=True) for word in words[start : start + 100]]
        query = select(Event.id).where(Event.study_id == study_id, or_(*mentions), Event.kind.not_in(BLANKING))
        found.update(session.scalars(query))
    for event in sorted(found):
        session.execute(update(Event).where(Event.id == event).values(payload=TOMBSTONE))
    return sorted(found)
