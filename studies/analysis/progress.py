"""A study while it runs: what is collected in each cell, which rules let how many pass, what happened last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.build.lifecycle import StudySummary, status_of
from undertone.studies.sessions.screening_alarms import RuleRate, rule_rates
from undertone.studies.store import Database
from undertone.studies.store.columns import utc_now
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Event, Prompt, Session, Stimulus, System, Trial

UNNAMED = "saved"  # kind of the event of a transaction that logged nothing by itself


@dataclass(frozen=True)
class RatingCounts:
    """Ratings of every clip: systems down, prompts across.

    Attributes:
        accepted: [S, P] completed trials of accepted sessions.
        waiting: [S, P] completed or live trials of sessions that are not judged yet.
        wanted: accepted trials that each clip needs.
    """

    systems: tuple[str, ...]
    prompts: tuple[str, ...]
    accepted: NDArray[np.int64]
    waiting: NDArray[np.int64]
    wanted: int

    @property
    def complete(self) -> int:
        """Return how many clips have the ratings they need."""
        return int((self.accepted >= self.wanted).sum())


@dataclass(frozen=True)
class StudyProgress:
    """Everything that the Results page shows of a running study."""

    status: StudySummary
    cells: RatingCounts
    rules: tuple[RuleRate, ...]
    last_rating_at: datetime | None


@dataclass(frozen=True)
class LogEntry:
    """One line of the audit log."""

    at: datetime
    actor: str
    kind: str
    details: dict[str, Any]


def study_progress(db: Database, study_name: str, now: datetime | None = None) -> StudyProgress:
    """Return how a study is doing now.

    Raises:
        StoreError: there is no study of this name.
    """
    status = status_of(db, study_name, now)
    with db.reading() as transaction:
        study = find_study(transaction, study_name)
        wanted = int(study.definition.get("allocation", {}).get("raters_per_stimulus", 1))
        last = select(func.max(Trial.completed_at)).where(Trial.study_id == study.id)
        return StudyProgress(
            status=status,
            cells=_cells(transaction, study.id, wanted, now),
            rules=tuple(rule_rates(transaction, study.id)),
            last_rating_at=transaction.scalar(last),
        )


def audit_log(db: Database, study_name: str | None = None, most: int = 200) -> tuple[LogEntry, ...]:
    """Return what admins and the server did, the newest first: of one study and of no study in particular.

    What raters did is left out, as `study_progress` counts their events. So is what only says that rows were written.

    Raises:
        StoreError: there is no study of this name.
    """
    with db.reading() as transaction:
        query = select(Event).where(Event.actor != "rater", Event.session_id.is_(None), Event.kind != UNNAMED)
        if study_name is not None:
            study = find_study(transaction, study_name)
            query = query.where(or_(Event.study_id == study.id, Event.study_id.is_(None)))
        events = transaction.scalars(query.order_by(Event.id.desc()).limit(most))
        return tuple(LogEntry(event.at, event.actor, event.kind, dict(event.payload)) for event in events)


def _cells(transaction: Transaction, study_id: str, wanted: int, now: datetime | None) -> RatingCounts:
    systems = list(transaction.scalars(select(System).where(System.study_id == study_id).order_by(System.position)))
    prompts = list(transaction.scalars(select(Prompt).where(Prompt.study_id == study_id).order_by(Prompt.name)))
    rows: dict[str | None, int] = {system.id: number for number, system in enumerate(systems)}
    columns: dict[str | None, int] = {prompt.id: number for number, prompt in enumerate(prompts)}
    accepted, waiting = (np.zeros((len(systems), len(prompts)), dtype=np.int64) for _ in range(2))
    query = (
        select(Stimulus.system_id, Stimulus.prompt_id, Session.accepted, Trial.state, func.count())
        .join(Trial, Trial.stimulus_id == Stimulus.id)
        .join(Session, Session.id == Trial.session_id)
        .where(Stimulus.study_id == study_id, Stimulus.kind == "main", Trial.kind == "main")
        .where(or_(Trial.state == "done", Trial.reservation_expires_at > (now or utc_now())))
        .where(Trial.state != "released")
        .group_by(Stimulus.system_id, Stimulus.prompt_id, Session.accepted, Trial.state)
    )
    for system, prompt, judged, state, count in transaction.execute(query):
        cell = (rows[system], columns[prompt])
        if judged is None:
            waiting[cell] += count
        elif judged and state == "done":
            accepted[cell] += count
    names = (tuple(system.name for system in systems), tuple(prompt.name for prompt in prompts))
    return RatingCounts(*names, accepted, waiting, wanted)
