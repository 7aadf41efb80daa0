"""Screen a finished session: each rule of the study is judged on the server and its evidence stored."""

from collections.abc import Callable, Sequence
from statistics import median, pvariance
from typing import Any

from sqlalchemy import select

from undertone.studies.design.rules import HiddenRule, PaceRule, VarianceRule
from undertone.studies.sessions.known_answers import judge_answers
from undertone.studies.sessions.pages import pages_of, values_of
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store.tables import Event, Rating, Trial

LISTENED = "listened"  # the event of a clip that was played to its end
Verdict = dict[str, Any]  # {"passed": bool, "effect": "exclude" | "flag", "evidence": {...}}
Ratings = dict[str, dict[str, Rating]]


def judge(context: SessionContext) -> dict[str, Verdict]:
    """Judge every rule of the study on a session whose trials are done."""
    trials = [trial for trial in context.trials() if trial.state == "done" and trial.kind != "training"]
    ratings = context.ratings(trials)
    verdicts: dict[str, Verdict] = {}
    for rule in context.design.screening.rules:
        passed, evidence = _JUDGES[rule.kind](context, rule, trials, ratings)
        verdicts[rule.kind] = {"passed": passed, "effect": rule.effect, "evidence": evidence}
    return verdicts


def is_accepted(screening: dict[str, Verdict]) -> bool:
    """Return whether no excluding rule was failed."""
    return all(verdict["passed"] or verdict.get("effect") != "exclude" for verdict in screening.values())


def _judge_known_answers(kind: str) -> Callable[[SessionContext, Any, Sequence[Trial], Ratings], tuple[bool, Verdict]]:
    def judged(context: SessionContext, rule: Any, trials: Sequence[Trial], ratings: Ratings) -> tuple[bool, Verdict]:
        pages = [
            {trial.id: judge_answers(context.stimulus(trial), values_of(ratings[trial.id])) for trial in page}
            for page in pages_of([trial for trial in trials if trial.kind == kind])
        ]
        right = sum(all(verdict for scales in page.values() for verdict in scales.values()) for page in pages)
        items = {trial: scales for page in pages for trial, scales in page.items() if scales}
        wanted = min(rule.pass_at_least, len(pages))
        return right >= wanted, {"right": right, "of": len(pages), "needed": rule.pass_at_least, "items": items}

    return judged


def _variance(
    context: SessionContext, rule: VarianceRule, trials: Sequence[Trial], ratings: Ratings
) -> tuple[bool, Verdict]:
    by_scale: dict[str, list[float]] = {}
    for trial in trials:
        for scale, rating in ratings[trial.id].items() if trial.kind == "main" else ():
            by_scale.setdefault(scale, []).append(rating.value)
    variances = {scale: pvariance(values) for scale, values in by_scale.items()}
    return all(value >= rule.minimum for value in variances.values()), {"variances": variances, "needed": rule.minimum}


def _hidden(
    context: SessionContext, rule: HiddenRule, trials: Sequence[Trial], ratings: Ratings
) -> tuple[bool, Verdict]:
    seconds = sum(trial.hidden_seconds for trial in trials)
    return seconds <= rule.max_seconds, {"hidden_seconds": round(seconds, 2), "allowed_seconds": rule.max_seconds}


def _pace(context: SessionContext, rule: PaceRule, trials: Sequence[Trial], ratings: Ratings) -> tuple[bool, Verdict]:
    query = select(Event).where(Event.session_id == context.session.id, Event.kind == LISTENED)
    heard = {event.payload.get("trial"): event.at for event in context.transaction.scalars(query)}
    waits = [
        max(0.0, (min(rating.rated_at for rating in answers.values()) - heard[trial]).total_seconds())
        for trial, answers in ratings.items()
        if answers and trial in heard
    ]
    evidence = {"median_seconds": round(median(waits), 3) if waits else None, "needed_seconds": rule.min_seconds}
    return not waits or median(waits) >= rule.min_seconds, evidence


_JUDGES: dict[str, Callable[[SessionContext, Any, Sequence[Trial], Ratings], tuple[bool, Verdict]]] = {
    "traps": _judge_known_answers("trap"),
    "golds": _judge_known_answers("gold"),
    "variance": _variance,
    "hidden": _hidden,
    "pace": _pace,
}
