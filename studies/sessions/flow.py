"""The way through a study's sections: what each takes as its answer, and when the next one comes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from undertone.studies.design.sections import Break, Consent, Eligibility, Headphones, Questionnaire
from undertone.studies.sessions import headphones
from undertone.studies.sessions.allocation import extend_reservation, reserve_plan
from undertone.studies.sessions.endings import end
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.forms import checked_answers, lets_in
from undertone.studies.sessions.listening import seconds_to_wait
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store.tables import Trial

BREAKS = "_breaks"  # keys of Session.answers that no section can have: a slug begins with a letter or a digit
TONES = "_headphones"


def answer_section(sitting: SessionContext, given: dict[str, Any]) -> None:
    """Take the answer to the section where the person is, and go on when it is complete.

    Args:
        given: what the page sent; which keys are read depends on the section.
    Raises:
        SessionError: the answer does not fit, or there is nothing to answer here.
    """
    step = _STEPS.get(sitting.section.kind)
    if step is None:
        raise SessionError("wrong_section")
    step(sitting, given)
    if not sitting.ended:
        extend_reservation(sitting)


def advance(sitting: SessionContext) -> None:
    """Go on to the next section, or to the end. A debrief that comes last is shown with the code, not before it."""
    make_sure_of_places(sitting)
    sitting.session.section_index += 1
    index, sections = sitting.session.section_index, sitting.sections
    if index >= len(sections) or (sections[index].kind == "debrief" and index == len(sections) - 1):
        end(sitting, "finished")
        return
    enter(sitting)


def enter(sitting: SessionContext) -> None:
    """Note which section the person is in; a study may begin with the rating itself."""
    section = sitting.section
    if section.kind in ("training", "rating"):
        make_sure_of_places(sitting)
    sitting.session.state = section.kind  # type: ignore[assignment]  # breaks are not walked through
    sitting.log("section", {"kind": section.kind, "index": sitting.session.section_index}, actor="server")


def make_sure_of_places(sitting: SessionContext) -> None:
    """Plan the session before its first answer is taken: who has begun has a place, whoever comes later."""
    if not sitting.trials():
        reserve_plan(sitting)


def current_trial(sitting: SessionContext) -> Trial | None:
    """Return the trial to be rated now, in a section that has trials."""
    if sitting.section.kind not in ("training", "rating"):
        return None
    return next((trial for trial in sitting.stage_trials() if trial.state != "done"), None)


def due_break(sitting: SessionContext) -> Break | None:
    """Return the break to be taken before the next trial."""
    if sitting.section.kind != "rating":
        return None
    done = sum(trial.state == "done" for trial in sitting.stage_trials())
    taken = sitting.session.answers.get(BREAKS, [])
    breaks = [section for section in sitting.design.sections if isinstance(section, Break)]
    return next((rest for rest in breaks if rest.after_trials == done and done not in taken), None)


def _consent(sitting: SessionContext, given: dict[str, Any]) -> None:
    section = sitting.section
    if not isinstance(section, Consent) or given.get("agree") is not True:
        raise SessionError("bad_answer", "Please agree to take part, or close this page if you do not want to.")
    make_sure_of_places(sitting)
    _keep(sitting, "consent", {"version": section.version, "at": sitting.now.isoformat(), "agreed": True})
    advance(sitting)


def _eligibility(sitting: SessionContext, given: dict[str, Any]) -> None:
    section = sitting.section
    assert isinstance(section, Eligibility)
    answers = checked_answers(section.questions, _answers_in(given))
    decided = lets_in(section.questions, answers)
    verdict = {"passed": all(decided.values()), "effect": "exclude", "evidence": decided}
    if verdict["passed"]:
        make_sure_of_places(sitting)
    _keep(sitting, "eligibility", answers)
    sitting.session.screening = {**sitting.session.screening, "eligibility": verdict}
    if verdict["passed"]:
        advance(sitting)
    else:
        end(sitting, "screened_out")


def _questionnaire(sitting: SessionContext, given: dict[str, Any]) -> None:
    section = sitting.section
    assert isinstance(section, Questionnaire)
    answers = checked_answers(section.questions, _answers_in(given))
    make_sure_of_places(sitting)
    _keep(sitting, section.name, answers)
    advance(sitting)


def _on(sitting: SessionContext, given: dict[str, Any]) -> None:
    advance(sitting)


def _tones(sitting: SessionContext, given: dict[str, Any]) -> None:
    """Return one trial of the headphone test; nothing says whether the answer was right."""
    section = sitting.section
    assert isinstance(section, Headphones)
    choice = given.get("choice")
    progress = tones_progress(sitting)
    if given.get("trial") != len(progress["answers"]):
        raise SessionError("wrong_section")
    if choice not in (1, 2, 3):
        raise SessionError("bad_answer", "Please choose the first, second or third tone.")
    served = datetime.fromisoformat(progress["served_at"]) if progress["served_at"] else None
    if served is not None and served > sitting.now:  # the clock was set back
        served = sitting.now
        sitting.session.answers = {**sitting.session.answers, TONES: {**progress, "served_at": served.isoformat()}}
    wait = seconds_to_wait(served, headphones.SECONDS, sitting.now)
    if served is None or wait > 0:
        raise SessionError("too_early" if served else "not_listened", wait_seconds=wait)
    answers = [*progress["answers"], choice]
    sitting.session.answers = {**sitting.session.answers, TONES: {"answers": answers, "served_at": None}}
    sitting.log("headphones.answered", {"trial": len(answers), "choice": choice})
    if len(answers) < section.trials:
        return
    orders = headphones.tone_orders(sitting.session.seed, section.trials)
    right = sum(answer == headphones.right_answer(order) for answer, order in zip(answers, orders, strict=True))
    passed = right >= section.pass_at_least
    evidence = {"right": right, "of": section.trials, "needed": section.pass_at_least, "answers": answers}
    verdict = {"passed": passed, "effect": "exclude" if section.required else "flag", "evidence": evidence}
    sitting.session.screening = {**sitting.session.screening, "headphones": verdict}
    if passed or not section.required:
        advance(sitting)
    else:
        end(sitting, "screened_out")


def _rest(sitting: SessionContext, given: dict[str, Any]) -> None:
    """Go on after a break; the person decides when."""
    rest = due_break(sitting)
    if rest is None:
        raise SessionError("wrong_section")
    taken = sitting.session.answers.get(BREAKS, [])
    sitting.session.answers = {**sitting.session.answers, BREAKS: [*taken, rest.after_trials]}
    sitting.log("break.taken", {"after_trials": rest.after_trials})


def tones_progress(sitting: SessionContext) -> dict[str, Any]:
    """Answers of the headphone test so far, and when the tones of its next trial were first sent."""
    progress: dict[str, Any] = sitting.session.answers.get(TONES) or {"answers": [], "served_at": None}
    return progress


def _keep(sitting: SessionContext, name: str, answers: dict[str, Any]) -> None:
    sitting.session.answers = {**sitting.session.answers, name: answers}
    sitting.log("answered", {"section": name, "answers": answers})


def _answers_in(given: dict[str, Any]) -> dict[str, Any]:
    answers = given.get("answers")
    if not isinstance(answers, dict):
        raise SessionError("bad_answer", "The answers are missing. Reload the page and try again.")
    return answers


_STEPS: dict[str, Callable[[SessionContext, dict[str, Any]], None]] = {
    "consent": _consent,
    "eligibility": _eligibility,
    "questionnaire": _questionnaire,
    "volume": _on,
    "headphones": _tones,
    "rating": _rest,
    "debrief": _on,
}
