"""Sections of a session: what each takes as its answer, and when the next one comes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from undertone.studies.design.sections import Break, Consent, Eligibility, Headphones, Questionnaire
from undertone.studies.sessions import headphones
from undertone.studies.sessions.allocation import extend_reservation, reserve_plan
from undertone.studies.sessions.endings import end_session
from undertone.studies.sessions.errors import STRANGE, SessionError
from undertone.studies.sessions.forms import check_answers, eligibility_decisions
from undertone.studies.sessions.listening import seconds_to_wait
from undertone.studies.sessions.pages import is_done, open_pages, pages_of
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store.tables import Trial

BREAKS = "_breaks"  # keys of Session.answers that no section can have: a slug begins with a letter or a digit
TONES = "_headphones"


def answer_section(context: SessionContext, given: dict[str, Any]) -> None:
    """Take the answer to the section where the person is, and go on when it is complete.

    Args:
        given: what the page sent; which keys are read depends on the section.
    Raises:
        SessionError: the answer does not fit, or there is nothing to answer here.
    """
    step = _STEPS.get(context.section.kind)
    if step is None:
        raise SessionError("wrong_section")
    step(context, given)
    if not context.ended:
        extend_reservation(context)


def advance(context: SessionContext) -> None:
    """Go on to the next section, or to the end. A debrief that comes last is shown with the code, not before it."""
    ensure_reservation(context)
    context.session.section_index += 1
    index, sections = context.session.section_index, context.sections
    if index >= len(sections) or (sections[index].kind == "debrief" and index == len(sections) - 1):
        end_session(context, "finished")
        return
    enter(context)


def enter(context: SessionContext) -> None:
    """Note which section the person is in; a study may begin with the rating itself."""
    section = context.section
    if section.kind in ("training", "rating"):
        ensure_reservation(context)
    context.session.state = section.kind  # type: ignore[assignment]  # breaks are not walked through
    context.log("section", {"kind": section.kind, "index": context.session.section_index}, actor="server")


def ensure_reservation(context: SessionContext) -> None:
    """Plan the session and reserve its places before its first answer is stored."""
    if not context.trials():
        reserve_plan(context)


def current_trial(context: SessionContext) -> Trial | None:
    """Return the trial to be rated now, in a section that has trials."""
    return next((trial for trial in current_page(context) if trial.state != "done"), None)


def current_page(context: SessionContext) -> list[Trial]:
    """Return the clips to be answered together now; one, where clips are rated by themselves, and none elsewhere."""
    if context.section.kind not in ("training", "rating"):
        return []
    return next(iter(open_pages(context)), [])


def due_break(context: SessionContext) -> Break | None:
    """Return the break to be taken before the next trial."""
    if context.section.kind != "rating":
        return None
    done = sum(is_done(page) for page in pages_of(context.stage_trials()))
    taken = context.session.answers.get(BREAKS, [])
    breaks = [section for section in context.design.sections if isinstance(section, Break)]
    return next((rest for rest in breaks if rest.after_trials == done and done not in taken), None)


def _consent(context: SessionContext, given: dict[str, Any]) -> None:
    section = context.section
    if not isinstance(section, Consent) or given.get("agree") is not True:
        raise SessionError("bad_answer", "Please agree to take part, or close this page if you do not want to.")
    ensure_reservation(context)
    _store_answers(context, "consent", {"version": section.version, "at": context.now.isoformat(), "agreed": True})
    advance(context)


def _eligibility(context: SessionContext, given: dict[str, Any]) -> None:
    section = context.section
    assert isinstance(section, Eligibility)
    answers = check_answers(section.questions, _answers_in(given))
    decided = eligibility_decisions(section.questions, answers)
    verdict = {"passed": all(decided.values()), "effect": "exclude", "evidence": decided}
    if verdict["passed"]:
        ensure_reservation(context)
    _store_answers(context, "eligibility", answers)
    context.session.screening = {**context.session.screening, "eligibility": verdict}
    if verdict["passed"]:
        advance(context)
    else:
        end_session(context, "screened_out")


def _questionnaire(context: SessionContext, given: dict[str, Any]) -> None:
    section = context.section
    assert isinstance(section, Questionnaire)
    answers = check_answers(section.questions, _answers_in(given))
    ensure_reservation(context)
    _store_answers(context, section.name, answers)
    advance(context)


def _continue(context: SessionContext, given: dict[str, Any]) -> None:
    advance(context)


def _tones(context: SessionContext, given: dict[str, Any]) -> None:
    """Take the answer to one trial of the headphone test; nothing says whether it was right."""
    section = context.section
    assert isinstance(section, Headphones)
    choice = given.get("choice")
    progress = headphone_progress(context)
    if given.get("trial") != len(progress["answers"]):
        raise SessionError("wrong_section")
    if choice not in (1, 2, 3):
        raise SessionError("bad_answer", "Please choose one of the three tones.")
    served = datetime.fromisoformat(progress["served_at"]) if progress["served_at"] else None
    if served is not None and served > context.now:  # the clock was set back
        served = context.now
        context.session.answers = {**context.session.answers, TONES: {**progress, "served_at": served.isoformat()}}
    wait = seconds_to_wait(served, headphones.SECONDS, context.now)
    if served is None or wait > 0:
        raise SessionError("too_early" if served else "not_listened", wait_seconds=wait)
    answers = [*progress["answers"], choice]
    context.session.answers = {**context.session.answers, TONES: {"answers": answers, "served_at": None}}
    context.log("headphones.answered", {"trial": len(answers), "choice": choice})
    if len(answers) < section.trials:
        return
    orders = headphones.tone_orders(context.session.seed, section.trials)
    right = sum(answer == headphones.right_answer(order) for answer, order in zip(answers, orders, strict=True))
    passed = right >= section.pass_at_least
    evidence = {"right": right, "of": section.trials, "needed": section.pass_at_least, "answers": answers}
    verdict = {"passed": passed, "effect": "exclude" if section.required else "flag", "evidence": evidence}
    context.session.screening = {**context.session.screening, "headphones": verdict}
    if passed or not section.required:
        advance(context)
    else:
        end_session(context, "screened_out")


def _break(context: SessionContext, given: dict[str, Any]) -> None:
    """Go on after a break; the person decides when."""
    rest = due_break(context)
    if rest is None:
        raise SessionError("wrong_section")
    taken = context.session.answers.get(BREAKS, [])
    context.session.answers = {**context.session.answers, BREAKS: [*taken, rest.after_trials]}
    context.log("break.taken", {"after_trials": rest.after_trials})


def headphone_progress(context: SessionContext) -> dict[str, Any]:
    """Return the answers of the headphone test so far, and when the tones of its next trial were first sent."""
    progress: dict[str, Any] = context.session.answers.get(TONES) or {"answers": [], "served_at": None}
    return progress


def _store_answers(context: SessionContext, name: str, answers: dict[str, Any]) -> None:
    context.session.answers = {**context.session.answers, name: answers}
    context.log("answered", {"section": name, "answers": answers})


def _answers_in(given: dict[str, Any]) -> dict[str, Any]:
    answers = given.get("answers")
    if not isinstance(answers, dict):
        raise SessionError("bad_answer", STRANGE)
    return answers


_STEPS: dict[str, Callable[[SessionContext, dict[str, Any]], None]] = {
    "consent": _consent,
    "eligibility": _eligibility,
    "questionnaire": _questionnaire,
    "volume": _continue,
    "headphones": _tones,
    "rating": _break,
    "debrief": _continue,
}
