"""A session with its study inside one transaction: what every step of the session works on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction
from sqlalchemy.orm import defer

from undertone.studies.design import StudyFile, study_from_json
from undertone.studies.design.sections import Break, Section
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.presence import Addresses
from undertone.studies.store import Database
from undertone.studies.store.tables import Actor, Rating, Session, Stimulus, Study, Trial

ENDS = ("finished", "screened_out", "timed_out", "withdrawn")
End = Literal["finished", "screened_out", "timed_out"]


@dataclass(frozen=True)
class SessionContext:
    """A session with its study, inside one transaction at one time.

    Attributes:
        db: for the log.
        transaction: in which everything is read and written.
        now: by the caller's clock.
        addresses: where sessions began, which decides who gives way when all places are taken.
    """

    db: Database
    transaction: Transaction
    session: Session
    study: Study
    design: StudyFile
    now: datetime
    addresses: Addresses = field(default_factory=Addresses)
    _plan: list[Trial] = field(default_factory=list, repr=False)

    @classmethod
    def load(
        cls,
        db: Database,
        transaction: Transaction,
        session_id: str,
        now: datetime,
        lock: bool = False,
        addresses: Addresses | None = None,
    ) -> "SessionContext":
        """Load the session of an id; `lock` makes other requests of the same session wait (PostgreSQL).

        Raises:
            SessionError: there is none, perhaps because the person has withdrawn.
        """
        session = transaction.get(Session, session_id, with_for_update=lock)
        if session is None or session.state == "withdrawn":
            raise SessionError("unknown_session")
        # The definition, which may hold hundreds of prompts, is read where `study_design` does not know its hash.
        study = transaction.get_one(Study, session.study_id, options=[defer(Study.definition)])
        return cls(db, transaction, session, study, study_design(study), now, addresses or Addresses())

    @property
    def ended(self) -> bool:
        return self.session.state in ENDS

    @property
    def sections(self) -> list[Section]:
        """Return the sections that are walked through; breaks lie inside the rating."""
        return [section for section in self.design.sections if not isinstance(section, Break)]

    @property
    def section(self) -> Section:
        """Return the section where the person is; the last one after the end."""
        return self.sections[min(self.session.section_index, len(self.sections) - 1)]

    def trials(self) -> list[Trial]:
        """Return the stored plan in order, training first; it is made once, as a whole, and read once for a step."""
        if not self._plan:
            query = select(Trial).where(Trial.session_id == self.session.id).order_by(Trial.position)
            self._plan.extend(self.transaction.scalars(query))
        return list(self._plan)

    def stage_trials(self) -> list[Trial]:
        """Return the trials of the section where the person is: the training's or the rating's."""
        training = self.section.kind == "training"
        return [trial for trial in self.trials() if (trial.kind == "training") == training]

    def stimulus(self, trial: Trial) -> Stimulus:
        return self.transaction.get_one(Stimulus, trial.stimulus_id)

    def ratings(self, trials: Sequence[Trial]) -> dict[str, dict[str, Rating]]:
        """Return the ratings by trial and scale."""
        found: dict[str, dict[str, Rating]] = {trial.id: {} for trial in trials}
        for rating in self.transaction.scalars(select(Rating).where(Rating.trial_id.in_(found))):
            found[rating.trial_id][rating.scale] = rating
        return found

    def log(self, kind: str, payload: dict[str, Any] | None = None, actor: Actor = "rater") -> None:
        """Append to the log of the session."""
        session, study = self.session.id, self.study.id
        self.db.log(self.transaction, kind, payload, study_id=study, session_id=session, actor=actor, at=self.now)

    def touch(self) -> None:
        """Note that the person is here: the session expires later, up to its longest time.

        A clock that was set back would make a clip wait for a time that is long past: what was stamped in the future
        is stamped anew.
        """
        if self.session.last_seen_at > self.now:
            self.session.started_at = min(self.session.started_at, self.now)
            for trial in self.trials():
                trial.first_served_at = _not_after(self.now, trial.first_served_at)
                trial.completed_at = _not_after(self.now, trial.completed_at)
        limits = self.design.limits
        self.session.last_seen_at = self.now
        longest = self.session.started_at + timedelta(minutes=limits.session_minutes)
        self.session.expires_at = min(longest, self.now + timedelta(minutes=limits.idle_minutes))


def study_design(study: Study) -> StudyFile:
    """Return the study's definition, read once for each version of it."""
    if study.definition_hash not in _designs:
        _designs[study.definition_hash] = study_from_json(dict(study.definition))
    return _designs[study.definition_hash]


def _not_after(now: datetime, moment: datetime | None) -> datetime | None:
    return None if moment is None else min(moment, now)


_designs: dict[str, StudyFile] = {}
