"""The people of a study for those who pay them: panel ids, completion codes, how sessions ended, questionnaires.

It is kept apart from the ratings: nothing here bears the names that reports and exports give to raters, so that the
two together do not tell who rated what. A person who has withdrawn is not in it.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.sessions.panel_note import panel_status
from undertone.studies.sessions.signs import signs_in_words
from undertone.studies.store import Database
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Participant, Session

_ENDINGS = {
    "screened_out": "screened out",
    "timed_out": "ran out of time",
    "RETURNED": "returned at the panel",
    "TIMED-OUT": "ran out of the panel's time",
}
_NOT_A_QUESTIONNAIRE = ("consent",)


@dataclass(frozen=True)
class GivenAnswer:
    """One answer of a questionnaire."""

    section: str
    question: str
    text: str
    answer: str


@dataclass(frozen=True)
class PersonSession:
    """One session of a person.

    Attributes:
        panel_id: None for somebody with a plain link.
        code: that was shown at the end; None while the session lasts.
        accepted: None while it is not judged.
        failed: screening rules that the session failed.
        signs: of a program instead of a person, in words.
        panel_status: with which the panel has ended the session, "RETURNED" or "TIMED-OUT"; None where it has not.
    """

    panel_id: str | None
    source: str
    code: str | None
    state: str
    accepted: bool | None
    failed: tuple[str, ...]
    began: datetime
    ended: datetime | None
    answers: tuple[GivenAnswer, ...]
    signs: tuple[str, ...] = ()
    panel_status: str | None = None

    @property
    def minutes(self) -> float | None:
        """Return the minutes from beginning to end."""
        return None if self.ended is None else round((self.ended - self.began).total_seconds() / 60, 1)

    @property
    def ending(self) -> str:
        """Return how it ended, in words."""
        if self.state == "finished":
            why = f" (failed: {', '.join(self.failed)})" if self.failed else ""
            return "finished and accepted" if self.accepted else f"finished, not accepted{why}"
        if self.ended is None:
            return "under way"
        how = self.panel_status or self.state
        return _ENDINGS.get(how, how.replace("_", " "))


def people_of(db: Database, study_name: str) -> tuple[PersonSession, ...]:
    """Return the sessions of a study in the order in which they began.

    Raises:
        StoreError: there is no study of this name.
    """
    with db.reading() as transaction:
        study = find_study(transaction, study_name)
        texts = _question_texts(dict(study.definition))
        query = (
            select(Session, Participant)
            .join(Participant, Participant.id == Session.participant_id)
            .where(Session.study_id == study.id, Session.state != "withdrawn")
            .order_by(Session.started_at, Session.id)
        )
        return tuple(_person_session(session, person, texts) for session, person in transaction.execute(query))


def check_code(db: Database, study_name: str, code: str) -> tuple[PersonSession, ...]:
    """Return the sessions that a code, or a panel id, belongs to; capitals and spaces around it do not matter.

    Raises:
        AnalysisError: it belongs to no session of the study.
        StoreError: there is no study of this name.
    """
    wanted = code.strip().casefold()
    found = [
        own
        for own in people_of(db, study_name)
        if wanted and wanted in ((own.code or "").casefold(), (own.panel_id or "").casefold())
    ]
    if not found:
        raise AnalysisError(f"no session of study {study_name!r} has the completion code or panel id {code.strip()!r}.")
    return tuple(found)


def _person_session(session: Session, person: Participant, texts: dict[tuple[str, str], str]) -> PersonSession:
    verdicts = session.screening or {}
    failed = (
        rule for rule, verdict in verdicts.items() if isinstance(verdict, dict) and not verdict.get("passed", True)
    )
    return PersonSession(
        panel_id=person.external_id,
        source=person.source,
        code=session.completion_code,
        state=session.state,
        accepted=session.accepted,
        failed=tuple(failed),
        began=session.started_at,
        ended=session.ended_at,
        answers=tuple(_answers(session.answers or {}, texts)),
        signs=signs_in_words(session.answers or {}),
        panel_status=panel_status(session.answers or {}),
    )


def _answers(stored: dict[str, Any], texts: dict[tuple[str, str], str]) -> list[GivenAnswer]:
    """Return the answers to questionnaires only: keys that begin with "_" are the session's own notes."""
    return [
        GivenAnswer(section, question, texts.get((section, question), ""), _in_words(answer))
        for section, given in stored.items()
        if not section.startswith("_") and section not in _NOT_A_QUESTIONNAIRE and isinstance(given, dict)
        for question, answer in given.items()
    ]


def _in_words(answer: Any) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list):
        return "; ".join(_in_words(one) for one in answer)
    if isinstance(answer, float) and answer.is_integer():
        return f"{answer:.0f}"
    return json.dumps(answer, ensure_ascii=False)


def _question_texts(definition: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return what each question asks, by section and name."""
    return {
        (str(section.get("name", section["kind"])), str(question["name"])): str(question.get("text", ""))
        for section in definition.get("sections", [])
        for question in section.get("questions", [])
    }
