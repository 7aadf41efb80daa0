"""The tables of listening studies. Ids that reach a browser are opaque; every time is UTC; names are singular.

A JSON column that is changed in place is noticed at its first level only: assign a new value for anything deeper.
"""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.ext.mutable import MutableDict, MutableList
from sqlalchemy.orm import Mapped, mapped_column

from undertone.studies.store.columns import Base, UtcDateTime, new_id, one_of, utc_now, words_of

StudyStatus = Literal["draft", "built", "open", "paused", "closed"]
Role = Literal["system", "ground_truth", "low_anchor"]
StimulusKind = Literal["main", "training", "trap", "gold", "headphone", "volume"]
TrialKind = Literal["main", "training", "trap", "gold"]
Source = Literal["prolific", "mturk", "link"]
SessionState = Literal[
    "consent",
    "eligibility",
    "questionnaire",
    "volume",
    "headphones",
    "training",
    "rating",
    "debrief",
    "finished",
    "screened_out",
    "timed_out",
    "withdrawn",
]
TrialState = Literal["reserved", "done", "released"]
Actor = Literal["rater", "admin", "server"]
AdminRole = Literal["admin", "reader"]

Json = dict[str, Any]
_DICT = MutableDict.as_mutable(JSON())
_OPTIONAL_DICT = MutableDict.as_mutable(JSON(none_as_null=True))


class Study(Base):
    """A listening study and the whole of its definition."""

    __tablename__ = "study"
    __table_args__ = (one_of("status", words_of(StudyStatus)),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(unique=True)  # a slug; raters never see it
    title: Mapped[str]
    definition: Mapped[Json] = mapped_column(_DICT)  # the validated StudyFile
    definition_hash: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[StudyStatus] = mapped_column(String, default="draft")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class System(Base):
    """What is judged: a bundle with settings, a folder of recordings, the ground truth or the low anchor.

    In an A/B study each ordered pair is a row: what is presented is a pair, first one and then the other.
    """

    __tablename__ = "system"
    __table_args__ = (UniqueConstraint("study_id", "name"), one_of("role", words_of(Role)))

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("study.id"))
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(String, default="system")
    position: Mapped[int]
    definition: Mapped[Json] = mapped_column(_DICT, default=dict)


class Prompt(Base):
    """A recording that every system goes on from."""

    __tablename__ = "prompt"
    __table_args__ = (UniqueConstraint("study_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("study.id"))
    name: Mapped[str]
    seconds: Mapped[float]
    definition: Mapped[Json] = mapped_column(_DICT, default=dict)


class Stimulus(Base):
    """One sound that a rater may hear; the file's name is the opaque id."""

    __tablename__ = "stimulus"
    __table_args__ = (
        one_of("kind", words_of(StimulusKind)),
        Index(
            "uq_stimulus_main",
            "study_id",
            "system_id",
            "prompt_id",
            "kind",
            unique=True,
            sqlite_where=text("kind = 'main'"),
            postgresql_where=text("kind = 'main'"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("study.id"))
    system_id: Mapped[str | None] = mapped_column(ForeignKey("system.id"))
    prompt_id: Mapped[str | None] = mapped_column(ForeignKey("prompt.id"))
    kind: Mapped[StimulusKind] = mapped_column(String, default="main")
    path: Mapped[str]  # inside the study's media folder
    sha256: Mapped[str]
    seconds: Mapped[float]
    loudness_lufs: Mapped[float | None]
    true_peak_dbtp: Mapped[float | None]
    expected: Mapped[Json | None] = mapped_column(_OPTIONAL_DICT)  # the answer of a trap, gold or training item
    provenance: Mapped[Json] = mapped_column(_DICT, default=dict)


class Participant(Base):
    """A person, known by no more than the panel's id."""

    __tablename__ = "participant"
    __table_args__ = (UniqueConstraint("study_id", "source", "external_id"), one_of("source", words_of(Source)))

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("study.id"))
    source: Mapped[Source] = mapped_column(String, default="link")
    external_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    excluded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # from the analysis, by an admin
    excluded_because: Mapped[str | None]
    excluded_by: Mapped[str | None]


class Session(Base):
    """One person's way through one study."""

    __tablename__ = "session"
    __table_args__ = (one_of("state", words_of(SessionState)), Index("ix_session_study_id_state", "study_id", "state"))

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("study.id"))
    participant_id: Mapped[str] = mapped_column(ForeignKey("participant.id"), index=True)
    state: Mapped[SessionState] = mapped_column(String, default="consent")
    section_index: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    screening: Mapped[Json] = mapped_column(_DICT, default=dict)  # rule -> {"passed": bool, "evidence": ...}
    accepted: Mapped[bool | None]  # None until it is judged
    answers: Mapped[Json] = mapped_column(_DICT, default=dict)  # questionnaires; consent's version and time
    device: Mapped[Json] = mapped_column(_DICT, default=dict)  # coarse: phone or desktop, browser family
    completion_code: Mapped[str | None]
    seed: Mapped[int] = mapped_column(BigInteger)
    resume_code: Mapped[str] = mapped_column(unique=True)


class Trial(Base):
    """One place of a session's stored plan."""

    __tablename__ = "trial"
    __table_args__ = (
        UniqueConstraint("session_id", "position"),
        UniqueConstraint("session_id", "stimulus_id"),
        one_of("kind", words_of(TrialKind)),
        one_of("state", words_of(TrialState)),
        Index("ix_trial_stimulus_id_state", "stimulus_id", "state"),
        Index("ix_trial_study_id_state", "study_id", "state"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[str] = mapped_column(ForeignKey("session.id"))
    study_id: Mapped[str] = mapped_column(ForeignKey("study.id"))
    stimulus_id: Mapped[str] = mapped_column(ForeignKey("stimulus.id"))
    position: Mapped[int]
    page: Mapped[int | None]  # clips of one page are heard and answered together; None: a page of its own
    kind: Mapped[TrialKind] = mapped_column(String, default="main")
    state: Mapped[TrialState] = mapped_column(String, default="reserved")
    reserved_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    reservation_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_served_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the server's clock
    listened: Mapped[list[Any]] = mapped_column(MutableList.as_mutable(JSON()), default=list)  # [[start, end], ...] s
    plays: Mapped[int] = mapped_column(default=0)
    hidden_seconds: Mapped[float] = mapped_column(default=0.0)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Rating(Base):
    """One answer on one scale, with the hash of the words that were read."""

    __tablename__ = "rating"
    __table_args__ = (UniqueConstraint("session_id", "trial_id", "scale"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[str] = mapped_column(ForeignKey("session.id"))
    trial_id: Mapped[str] = mapped_column(ForeignKey("trial.id"), index=True)
    scale: Mapped[str]
    scale_hash: Mapped[str]
    value: Mapped[float]
    nonce: Mapped[str]  # of the request that wrote the value; the same nonce again changes nothing
    rated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    revision: Mapped[int] = mapped_column(default=0)  # how often the answer was changed
    casual: Mapped[bool] = mapped_column(default=False)


class CasualRating(Base):
    """A quick rating of a take on the Continue page; never part of a study's numbers."""

    __tablename__ = "casual_rating"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    bundle_name: Mapped[str]
    bundle_fingerprint: Mapped[str]
    settings: Mapped[Json] = mapped_column(_DICT)  # the take's settings, which make it again
    scale: Mapped[str]
    scale_hash: Mapped[str]
    value: Mapped[float]
    visitor_hash: Mapped[str | None]
    rated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Event(Base):
    """What happened, in order. The database refuses changes and deletions; a withdrawal may blank a payload."""

    __tablename__ = "event"
    __table_args__ = (
        one_of("actor", words_of(Actor)),
        Index("ix_event_study_id_kind", "study_id", "kind"),
        {"sqlite_autoincrement": True},  # an id is never used twice
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True, default=new_id)  # the same event in the database and in its copies
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    study_id: Mapped[str | None]  # no foreign keys: the log outlives what it tells of
    session_id: Mapped[str | None] = mapped_column(index=True)
    actor: Mapped[Actor] = mapped_column(String, default="server")
    kind: Mapped[str]
    payload: Mapped[Json] = mapped_column(_DICT, default=dict)
    touched: Mapped[list[list[str]]] = mapped_column(JSON, default=list)  # [[table, id], ...] of the same transaction


class AdminUser(Base):
    """Somebody who may sign in."""

    __tablename__ = "admin_user"
    __table_args__ = (one_of("role", words_of(AdminRole)),)

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[AdminRole] = mapped_column(String, default="reader")
    passphrase_hash: Mapped[str]  # scrypt
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class ApiKey(Base):
    """A program that may use the model."""

    __tablename__ = "api_key"

    name: Mapped[str] = mapped_column(primary_key=True)
    secret_sha256: Mapped[str] = mapped_column(
        unique=True
    )  # of a secret with 256 random bits, so a fast hash is enough
    rate: Mapped[str | None]  # runs it may start, as "60/minute"; None: as the server says
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
