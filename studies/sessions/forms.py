"""Questionnaires and eligibility: what the page is shown, and what is taken for an answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from undertone.studies.design.sections import NOT_SAYING, Question
from undertone.studies.sessions.errors import STRANGE, SessionError

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
    if given.keys() - {question.name for question in questions}:
        raise SessionError("bad_answer", STRANGE)
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
            raise SessionError("bad_answer", "Please answer: {what}", what=question.text)
        return None
    if question.prefer_not_to_say and answer in (NOT_SAYING, [NOT_SAYING]):
        return NOT_SAYING
    if question.kind == "number":
        return _number(question, answer)
    if question.kind == "several":
        return _several(question, answer)
    if not isinstance(answer, str) or (question.kind == "choice" and answer not in question.options):
        raise SessionError("bad_answer", "Please choose from the answers: {what}", what=question.text)
    if len(answer) > MAX_TEXT:
        raise SessionError(
            "bad_answer", "Please use at most {most} characters: {what}", most=MAX_TEXT, what=question.text
        )
    return answer


def _several(question: Question, answer: Any) -> list[str]:
    known = isinstance(answer, list) and all(option in question.options for option in answer)
    if not known or len(set(answer)) != len(answer):
        raise SessionError("bad_answer", "Please choose from the answers: {what}", what=question.text)
    return sorted(answer, key=question.options.index)


def _number(question: Question, answer: Any) -> float:
    try:
        number = float("nan") if isinstance(answer, bool) else float(answer)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    low = float("-inf") if question.minimum is None else question.minimum
    high = float("inf") if question.maximum is None else question.maximum
    if not low <= number <= high or number in (float("inf"), float("-inf")):
        if question.minimum is None or question.maximum is None:
            raise SessionError("bad_answer", "Please give a number: {what}", what=question.text)
        raise SessionError(
            "bad_answer", "Please give a number from {low} to {high}: {what}", low=low, high=high, what=question.text
        )
    return number
