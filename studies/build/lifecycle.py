"""Studies in the database: made, found, checked, opened, paused, closed, and how far they are."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.build.media import metadata_blocks
from undertone.studies.design.errors import DesignError
from undertone.studies.design.study_file import StudyFile
from undertone.studies.store import Database, StorageLocations
from undertone.studies.store.columns import utc_now
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Session, Stimulus, Study, StudyStatus, Trial

STATUS_TRANSITIONS: dict[StudyStatus, tuple[StudyStatus, ...]] = {  # the new status: from which ones
    "open": ("built", "paused", "closed"),
    "paused": ("open",),
    "closed": ("open", "paused", "built"),
}


NOT_JUDGED = ("withdrawn", "declined", "timed_out")  # who left was neither accepted nor rejected


@dataclass(frozen=True)
class StudySummary:
    """Status of a study and counts of what it has collected."""

    name: str
    title: str
    status: StudyStatus
    raters_path: str  # of the link for raters: by id, as a name would tell them what is compared
    stimuli: int  # that are rated
    wanted: int  # completed and accepted trials in all
    collected: int
    promised: int  # reserved by sessions under way
    sessions: dict[str, int]  # by state
    accepted: int  # sessions
    rejected: int  # sessions that failed screening


def make_study(db: Database, study: StudyFile) -> str:
    """Store a study as a draft, or a changed definition of one that has not been opened; returns its id.

    Raises:
        DesignError: the name is taken by a study that has been opened.
    """
    definition = study.model_dump(mode="json")
    with db.session() as session:
        row = session.scalar(select(Study).where(Study.name == study.name))
        if row is None:
            row = Study(name=study.name, title=study.title, definition={}, definition_hash="", seed=study.seed)
            session.add(row)
        elif row.status not in ("draft", "built"):
            raise DesignError(f"study {study.name!r} is {row.status}: it can no longer change. Choose another name.")
        row.title, row.seed, row.status = study.title, study.seed, "draft"
        row.definition, row.definition_hash = definition, study.hash
        session.flush()
        db.log(session, "study.defined", {"hash": study.hash}, study_id=row.id, actor="admin")
        return row.id


def discard_draft(db: Database, name: str) -> None:
    """Remove a study that is no more than a definition; one that was built or opened stays."""
    with db.session() as session:
        row = session.scalar(select(Study).where(Study.name == name))
        if row is not None and row.status == "draft":
            session.delete(row)
            db.log(session, "study.discarded", {"hash": row.definition_hash}, study_id=row.id, actor="admin")


def set_status(
    db: Database, name: str, status: StudyStatus, places: StorageLocations, actor: str = "", now: datetime | None = None
) -> None:
    """Open, pause or close a study; opening checks every sound first.

    Args:
        actor: name of who does it, for the log.
    Raises:
        DesignError: not possible from where the study is, or a sound is missing or changed.
        StoreError: there is no such study.
    """
    now = now or utc_now()
    with db.session() as session:
        row = find_study(session, name)
        if row.status not in STATUS_TRANSITIONS.get(status, ()):
            hint = " Build it first." if row.status == "draft" else ""
            raise DesignError(f"study {name!r} is {row.status} and cannot become {status}.{hint}")
        if status == "open":
            check_media(session, row, places)
            row.opened_at, row.closed_at = row.opened_at or now, None
        if status == "closed":
            row.closed_at = now
        row.status = status
        db.log(session, f"study.{status}", {"by": actor}, study_id=row.id, actor="admin", at=now)


def check_media(session: Transaction, study: Study, places: StorageLocations) -> int:
    """Read every sound of a study; returns how many there are.

    Raises:
        DesignError: a file is missing, changed, or has a tag.
    """
    stimuli = list(session.scalars(select(Stimulus).where(Stimulus.study_id == study.id)))
    if not any(stimulus.kind == "main" for stimulus in stimuli):
        raise DesignError(f"study {study.name!r} has no sounds. Build it first.")
    for stimulus in stimuli:
        path = places.media_of(study.id) / stimulus.path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DesignError(f"{path} is missing ({error.strerror}). Build study {study.name!r} again.") from error
        if hashlib.sha256(data).hexdigest() != stimulus.sha256 or metadata_blocks(data):
            raise DesignError(f"{path} is not the file that was built. Build study {study.name!r} again.")
    return len(stimuli)


def status_of(db: Database, name: str, now: datetime | None = None) -> StudySummary:
    """Return the status of a study and what it has collected.

    Raises:
        StoreError: there is no such study.
    """
    with db.reading() as session:
        row = find_study(session, name)
        main = select(func.count()).select_from(Stimulus).where(Stimulus.study_id == row.id, Stimulus.kind == "main")
        num_stimuli = session.scalar(main) or 0
        states = session.execute(
            select(Session.state, func.count()).where(Session.study_id == row.id).group_by(Session.state)
        )
        judged = session.execute(
            select(Session.accepted, func.count())
            .where(Session.study_id == row.id, Session.state.not_in(NOT_JUDGED))
            .group_by(Session.accepted)
        )
        verdicts = {accepted: int(count) for accepted, count in judged}
        trials = select(func.count()).select_from(Trial).where(Trial.study_id == row.id, Trial.kind == "main")
        done = trials.join(Session, Session.id == Trial.session_id).where(Trial.state == "done")
        live = trials.where(Trial.state == "reserved", Trial.reservation_expires_at > (now or utc_now()))
        return StudySummary(
            name=row.name,
            title=row.title,
            status=row.status,
            raters_path=f"/rate/{row.id}",
            stimuli=num_stimuli,
            wanted=num_stimuli * int(row.definition["allocation"]["raters_per_stimulus"]),
            collected=session.scalar(done.where(Session.accepted.is_(True))) or 0,
            promised=session.scalar(live) or 0,
            sessions={state: int(count) for state, count in states},
            accepted=verdicts.get(True, 0),
            rejected=verdicts.get(False, 0),
        )
