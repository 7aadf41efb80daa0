"""What the submissions of a panel mean for a study: places that become free, people to pay, people to look at.

A session belongs to a submission where its link had the submission's id; nothing about that is stored, as a session's
id follows from its link and the server's key. Nobody is rejected by any rule here.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.panels.errors import PanelError
from undertone.studies.panels.prolific import Submission
from undertone.studies.sessions.endings import end_session
from undertone.studies.sessions.entry import link_of, sessions_of_link
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.panel_note import note_end
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store import Database
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Participant, Session, Study

GONE = ("RETURNED", "TIMED-OUT")  # nobody goes on with it, and the panel sends somebody else
OVER = (*GONE, "SCREENED OUT", "REJECTED")  # and decided there by whoever runs the study: no session goes on with it
WAITING = "AWAITING REVIEW"  # handed in, and neither approved nor rejected yet
_HERE = {"screened_out": "screened out here", "timed_out": "ran out of time here", "withdrawn": "withdrew their data"}


@dataclass(frozen=True)
class SubmissionReview:
    """What follows from a study's submissions.

    Attributes:
        counts: submissions by their status at the panel.
        released: submissions that are over there and whose session was under way here; it is ended now, so that its
            places are free.
        approvable: handed in at the panel, finished and accepted here.
        doubtful: what a person should look at, each with the reason.
    """

    counts: dict[str, int]
    released: tuple[Submission, ...]
    approvable: tuple[Submission, ...]
    doubtful: tuple[tuple[Submission, str], ...]


def review_submissions(
    db: Database, study_name: str, submissions: Sequence[Submission], secret: str, now: datetime
) -> SubmissionReview:
    """End the sessions of submissions that are over at the panel, and sort the others by what is to be done.

    Safe to repeat: what has ended stays as it ended.

    Args:
        secret: the server's signing key (`load_secret`).
        now: by the caller's clock, UTC.
    Raises:
        PanelError: no session belongs to any of the submissions, although people from Prolific took part.
        StoreError: there is no study of this name.
    """
    with db.reading() as transaction:
        links = _Links(find_study(transaction, study_name).id, secret, submissions)
        begun = {one.id: links.begun(transaction, one) for one in submissions}
        live = {one.id: _live(begun[one.id].sessions) for one in submissions if one.status in OVER}
        judged = [(one, _judge(one, begun[one.id])) for one in submissions]
        came = exists().where(Participant.study_id == links.study_id, Participant.source == "prolific")
        known = any(own.sessions for own in begun.values())
        foreign = bool(submissions) and not known and transaction.scalar(select(came))
    if foreign:
        raise PanelError(
            f"none of the {len(submissions)} submissions began a session of {study_name!r}. Is it this study at "
            "Prolific, has its link ?PROLIFIC_PID={{%PROLIFIC_PID%}}&SESSION_ID={{%SESSION_ID%}}, and is the signing "
            "key (UNDERTONE_SECRET, or the file `secret` of the data folder) that of the server?"
        )
    return SubmissionReview(
        counts=dict(Counter(one.status for one in submissions)),
        released=tuple(one for one in submissions if _release(db, live.get(one.id, ()), one.status, now)),
        approvable=tuple(one for one, verdict in judged if verdict == ""),
        doubtful=tuple((one, verdict) for one, verdict in judged if verdict),
    )


def follow_change(db: Database, submission: Submission, secret: str, now: datetime) -> tuple[str, ...]:
    """End the sessions that a submission which is over at the panel has begun, in whichever study.

    Only sessions whose link had the submission's id are ended. Safe to repeat: what has ended stays as it ended.

    Args:
        secret: the server's signing key (`load_secret`).
        now: by the caller's clock, UTC.
    Returns:
        Names of the studies in which places are free now.
    """
    if submission.status not in OVER:
        return ()
    link = link_of("prolific", submission.participant_id, submission.id)
    with db.reading() as transaction:
        under_way = exists().where(Session.study_id == Study.id, Session.ended_at.is_(None))
        live = {
            study.name: _live(sessions_of_link(transaction, study.id, link, secret))
            for study in transaction.scalars(select(Study).where(under_way))
        }
    return tuple(name for name, sessions in live.items() if _release(db, sessions, submission.status, now))


@dataclass(frozen=True)
class _Begun:
    """Sessions that a submission has begun, in their order; `certain` where the link said which submission it was."""

    sessions: tuple[Session, ...]
    certain: bool


class _Links:
    """Sessions of submissions, by the links that began them."""

    def __init__(self, study_id: str, secret: str, submissions: Sequence[Submission]) -> None:
        self.study_id, self._secret = study_id, secret
        self._submissions_of = Counter(one.participant_id for one in submissions)

    def begun(self, transaction: Transaction, submission: Submission) -> _Begun:
        """Return a submission's sessions; those of a link without SESSION_ID where the person has no other one."""
        person = submission.participant_id
        found = self._by_link(transaction, person, submission.id)
        if found or self._submissions_of[person] > 1:
            return _Begun(found, certain=True)
        return _Begun(self._by_link(transaction, person, ""), certain=False)

    def _by_link(self, transaction: Transaction, person: str, submission_id: str) -> tuple[Session, ...]:
        link = link_of("prolific", person, submission_id)
        return tuple(sessions_of_link(transaction, self.study_id, link, self._secret))


def _live(sessions: Sequence[Session]) -> list[str]:
    return [own.id for own in sessions if own.ended_at is None]


def _release(db: Database, session_ids: Sequence[str], status: str, now: datetime) -> bool:
    """End sessions that go on still; returns whether there was one."""
    released = False
    for session_id in session_ids:
        with db.session() as transaction:
            try:
                context = SessionContext.load(db, transaction, session_id, now, lock=True)
            except SessionError:  # withdrawn since it was looked up
                continue
            if not context.ended:  # or finished since then
                note_end(context, status)
                end_session(context, "timed_out")
                released = True
    return released


def _judge(submission: Submission, begun: _Begun) -> str | None:
    """Return why a person should look at a submission; "" where it can be approved, None for nothing to do."""
    accepted = any(own.state == "finished" and own.accepted for own in begun.sessions)
    if submission.status in GONE:
        return f"finished here and accepted, {submission.status.lower()} there" if accepted else None
    if submission.status != WAITING:
        return None
    if accepted:
        return "" if begun.certain else "finished here and accepted, by a link without SESSION_ID"
    if not begun.sessions:
        return "handed in without a session here"
    last = begun.sessions[-1]
    if last.state == "finished":
        verdicts = (last.screening or {}).items()
        failed = [rule for rule, found in verdicts if isinstance(found, dict) and not found.get("passed", True)]
        return f"finished, not accepted (failed: {', '.join(failed)})" if failed else "finished, not accepted"
    return _HERE.get(last.state, "handed in before the end")
