"""End a session: its state, its screening, the places that are released, and the code that is shown."""

import logging
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.design import StudyFile
from undertone.studies.design.rules import Ending
from undertone.studies.sessions.screening import is_accepted, judge
from undertone.studies.sessions.screening_alarms import rule_rates
from undertone.studies.sessions.session_context import End, SessionContext, study_design
from undertone.studies.store import Database
from undertone.studies.store.tables import Participant, Session, Study

logger = logging.getLogger(__name__)
PROLIFIC = "https://app.prolific.com/submissions/complete?cc={code}"  # where the study file has a code and no address
RETURN_SECONDS = 10  # until somebody from Prolific is taken back, where nothing is left to read
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_FIRST: dict[End, str] = {"finished": "C", "screened_out": "S", "timed_out": "T"}


def end_session(context: SessionContext, how: End) -> None:
    """End the session. What was rated stays; only a finished session that passed screening counts in the allocation."""
    session = context.session
    if how == "finished":
        session.screening = {**session.screening, **judge(context)}
    session.accepted = how == "finished" and is_accepted(session.screening)
    session.state, session.ended_at = how, context.now
    session.completion_code = _ending(context.design, how).code or _new_code(how)
    for trial in context.trials():
        if trial.state == "reserved":
            trial.state = "released"
    context.log("ended", {"how": how, "accepted": session.accepted}, actor="server")
    context.transaction.flush()
    _raise_alarms(context)


def close_expired(db: Database, transaction: Transaction, study_id: str, now: datetime) -> int:
    """Time out the sessions that nobody has gone on with; returns how many."""
    query = select(Session).where(Session.study_id == study_id, Session.ended_at.is_(None), Session.expires_at <= now)
    study = transaction.get_one(Study, study_id)
    expired = list(transaction.scalars(query.with_for_update(skip_locked=True)))
    for session in expired:
        end_session(SessionContext(db, transaction, session, study, study_design(study), now), "timed_out")
    return len(expired)


def ending_view(context: SessionContext) -> dict[str, Any]:
    """Return what the page shows at the end."""
    session = context.session
    if session.state not in _FIRST:
        return {"text": "Your data has been deleted.", "code": None, "url": None, "debrief": None}
    ending, code = _ending(context.design, session.state), session.completion_code or ""
    source = context.transaction.get_one(Participant, session.participant_id).source
    url = ending.url or (PROLIFIC if source == "prolific" and ending.code else None)
    returns = url is not None and source == "prolific" and not debrief_after(context)
    return {
        "text": ending.text,
        "code": code,
        "url": url.replace("{code}", quote(code, safe="")) if url else None,
        "return_seconds": RETURN_SECONDS if returns else None,
        "debrief": debrief_after(context),
    }


def debrief_after(context: SessionContext) -> str | None:
    """Return what is still to be read at the end of a finished session; None where nothing is."""
    texts = [section.text for section in context.design.sections if section.kind == "debrief"]
    return texts[0] if texts and context.session.state == "finished" else None


def _ending(design: StudyFile, how: str) -> Ending:
    ending: Ending = getattr(design.completion, how)
    return ending


def _new_code(how: End) -> str:
    """Return a code of ten letters; the first tells the three ends apart."""
    return _FIRST[how] + "".join(secrets.choice(_LETTERS) for _ in range(9))


def _raise_alarms(context: SessionContext) -> None:
    """Log alarms about screening rules that this session was judged by."""
    for rate in _alarming(context):
        logger.warning("study %s: %s", context.study.name, rate.alarm)
        evidence = {"rule": rate.rule, "passed": rate.recent_passed, "judged": rate.recent_judged}
        context.log("screening.alarm", {**evidence, "text": rate.alarm}, actor="server")


def _alarming(context: SessionContext) -> Iterable[Any]:
    if not context.session.screening:
        return []
    rates = rule_rates(context.transaction, context.study.id)
    return [rate for rate in rates if rate.alarm and rate.rule in context.session.screening]
