"""A session with its study inside one transaction: what every step of the session works on.

Steps take turns at one database, so each reads what it needs once and in few queries. The queries are written once and
filled in, as SQLAlchemy takes longer to read a new one than SQLite to answer it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import bindparam, select
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
SEEN_EVERY = timedelta(seconds=20)
MOST_STIMULI = 50_000  # of all studies, known to this process

# The definition, which may hold hundreds of prompts, is read where `study_design` does not know its hash.
_SESSION = (
    select(Session, Study)
    .join(Study, Study.id == Session.study_id)
    .where(Session.id == bindparam("session"))
    .options(defer(Study.definition))
)
_LOCKED_SESSION = _SESSION.with_for_update(of=Session)
_TRIALS = select(Trial).where(Trial.session_id == bindparam("session")).order_by(Trial.position)
_RATINGS = select(Rating).where(Rating.trial_id.in_(bindparam("trials", expanding=True)))
_STIMULUS = select(Stimulus).where(Stimulus.id == bindparam("stimulus"))


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
    _ratings: dict[str, dict[str, Rating]] = field(default_factory=dict, repr=False)

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
        found = transaction.execute(_LOCKED_SESSION if lock else _SESSION, {"session": session_id}).first()
        if found is None or found[0].state == "withdrawn":
            raise SessionError("unknown_session")
        session, study = found
        context = cls(db, transaction, session, study, study_design(study), now, addresses or Addresses())
        if lock and context.section.kind in ("training", "rating"):
            context.trials()  # before anything is changed, which the query would have to write first
        return context

    @property
    def ended(self) -> bool:
        return self.session.state in ENDS

    @cached_property
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
            self._plan.extend(self.transaction.scalars(_TRIALS, {"session": self.session.id}))
        return list(self._plan)

    def stage_trials(self) -> list[Trial]:
        """Return the trials of the section where the person is: the training's or the rating's."""
        training = self.section.kind == "training"
        return [trial for trial in self.trials() if (trial.kind == "training") == training]

    def stimulus(self, trial: Trial) -> Stimulus:
        """Return the clip of a trial, to be read only: it never changes, and is read once for all sessions."""
        known = _stimuli.get(trial.stimulus_id)
        if known is None:
            with self.transaction.no_autoflush:
                known = self.transaction.scalars(_STIMULUS, {"stimulus": trial.stimulus_id}).one()
            self.transaction.expunge(known)
            if len(_stimuli) >= MOST_STIMULI:
                _stimuli.clear()
            _stimuli[known.id] = known
        return known

    def ratings(self, trials: Sequence[Trial]) -> dict[str, dict[str, Rating]]:
        """Return the ratings by trial and scale, each trial's read once for a step."""
        unread = [trial.id for trial in trials if trial.id not in self._ratings]
        if unread:
            self._ratings.update({trial: {} for trial in unread})
            with self.transaction.no_autoflush:  # what is not written yet was added here, to trials that were read
                for rating in self.transaction.scalars(_RATINGS, {"trials": unread}):
                    self._ratings[rating.trial_id][rating.scale] = rating
        return {trial.id: dict(self._ratings[trial.id]) for trial in trials}

    def add_rating(self, trial: Trial, scale: str) -> Rating:
        """Return a new rating of a trial that has none on this scale; its values are still to be set."""
        known = self.ratings([trial])[trial.id]
        assert scale not in known
        rating = Rating(session_id=self.session.id, trial_id=trial.id, scale=scale, revision=0)
        self.transaction.add(rating)
        self._ratings[trial.id][scale] = rating
        return rating

    def log(self, kind: str, payload: dict[str, Any] | None = None, actor: Actor = "rater") -> None:
        """Append to the log of the session."""
        session, study = self.session.id, self.study.id
        self.db.log(self.transaction, kind, payload, study_id=study, session_id=session, actor=actor, at=self.now)

    def touch(self) -> None:
        """Note that the person is here: the session expires later, up to its longest time.

        That is written no more often than `SEEN_EVERY` or a twentieth of the time that it allows for, as it would be
        half of what most steps write.

        A clock that was set back would make a clip wait for a time that is long past: what was stamped in the future
        is stamped anew.
        """
        limits, begins = self.design.limits, self.session.expires_at <= self.now
        set_back = self.session.last_seen_at > self.now
        for trial in self.trials() if set_back else self._plan:
            if max(trial.first_served_at or self.now, trial.completed_at or self.now) > self.now:
                trial.first_served_at = _not_after(self.now, trial.first_served_at)
                trial.completed_at = _not_after(self.now, trial.completed_at)
        if set_back:
            self.session.started_at = min(self.session.started_at, self.now)
        elif not begins:
            every = min(SEEN_EVERY, timedelta(minutes=limits.idle_minutes) / 20)
            if self.now - self.session.last_seen_at < every:
                return
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
_stimuli: dict[str, Stimulus] = {}
