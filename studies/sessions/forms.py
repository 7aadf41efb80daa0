"""Questionnaires and eligibility: what the page is shown, and what is taken for an answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from undertone.studies.design.sections import NOT_SAYING, Question
from undertone.studies.sessions.errors import SessionError

MAX_TEXT = 2000  # characters of a free answer


def question_views(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Return the questions without the answers that let a person in."""
    shown = []
    for question in questions:
        fields = question.model_dump(mode="json", exclude={"accept", "prefer_not_to_say"})
        extra = [NOT_SAYING] if question.prefer_not_to_say else []
        shown.append({**fields, "options": [*question.options, *extra], "not_saying": bool(extra) and NOT_SAYING})
    return shown


def check_answers(questions: Sequence[Question], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers, checked, in the questions' order.

    Raises:
        SessionError: naming the question that is missing or answered in another way than asked.
    """
    unknown = given.keys() - {question.name for question in questions}
    if unknown:
        raise SessionError("bad_answer", f"There is no question {sorted(unknown)[0]!r} here. Reload the page.")
    answers = {question.name: _check_answer(question, given.get(question.name)) for question in questions}
    return {name: answer for name, answer in answers.items() if answer is not None}


def eligibility_decisions(questions: Sequence[Question], answers: Mapping[str, Any]) -> dict[str, bool]:
    """Return, for each question that decides, whether its answer lets the person in."""
    decided = {}
    for question in questions:
        if question.accept is not None:
            answer = answers.get(question.name)
            chosen = answer if isinstance(answer, list) else [answer]
            decided[question.name] = bool(chosen) and set(chosen) <= set(question.accept)
    return decided


def _check_answer(question: Question, answer: Any) -> Any:
    if answer in (None, "", []):
        if question.required:
            raise SessionError("bad_answer", f"Please answer: {question.text}")
        return None
    if question.prefer_not_to_say and answer in (NOT_SAYING, [NOT_SAYING]):
        return NOT_SAYING
    if question.kind == "number":
        return _number(question, answer)
    if question.kind == "several":
        return _several(question, answer)
    if not isinstance(answer, str) or (question.kind == "choice" and answer not in question.options):
        raise SessionError("bad_answer", f"Please choose one of the answers: {question.text}")
    if len(answer) > MAX_TEXT:
        raise SessionError("bad_answer", f"Please use at most {MAX_TEXT} characters: {question.text}")
    return answer


def _several(question: Question, answer: Any) -> list[str]:
    known = isinstance(answer, list) and all(option in question.options for option in answer)
    if not known or len(set(answer)) != len(answer):
        raise SessionError("bad_answer", f"Please choose from the answers: {question.text}")
    return sorted(answer, key=question.options.index)


def _number(question: Question, answer: Any) -> float:
    try:
        number = float("nan") if isinstance(answer, bool) else float(answer)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    low = float("-inf") if question.minimum is None else question.minimum
    high = float("inf") if question.maximum is None else question.maximum
    if not low <= number <= high or number in (float("inf"), float("-inf")):
        between = f" from {low:g} to {high:g}" if question.minimum is not None and question.maximum is not None else ""
        raise SessionError("bad_answer", f"Please give a number{between}: {question.text}")
    return number
