"""Pass rates of screening rules, with an alarm when one is low or changes, as the rule itself may be broken."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.store.tables import Session

ENOUGH = 8  # sessions before a rate says anything
LOW_RATE = 0.5
RECENT = 20  # sessions compared with those before them
CHANCE = 0.01  # of a false alarm in one comparison


@dataclass(frozen=True)
class RuleRate:
    """Pass rate of one rule over a study.

    Attributes:
        passed: sessions that passed it, `judged` those in which it was judged.
        recent_passed: the same over the last sessions.
        alarm: what is wrong, in words; empty when nothing is.
    """

    rule: str
    passed: int
    judged: int
    recent_passed: int
    recent_judged: int
    alarm: str = ""

    @property
    def rate(self) -> float:
        return self.passed / self.judged if self.judged else 1.0


def rule_rates(transaction: Transaction, study_id: str) -> list[RuleRate]:
    """Return the pass rate of every rule that was judged in the study, alarms included."""
    query = (
        select(Session.screening)
        .where(Session.study_id == study_id, Session.ended_at.is_not(None))
        .order_by(Session.ended_at)
    )
    by_rule: dict[str, list[bool]] = {}
    for screening in transaction.scalars(query):
        for rule, verdict in (screening or {}).items():
            if isinstance(verdict, dict) and "passed" in verdict:
                by_rule.setdefault(rule, []).append(bool(verdict["passed"]))
    return [_rate(rule, outcomes) for rule, outcomes in sorted(by_rule.items())]


def _rate(rule: str, outcomes: Sequence[bool]) -> RuleRate:
    before, recent = outcomes[:-RECENT], outcomes[-RECENT:]
    alarm = _alarm(rule, before, recent)
    return RuleRate(rule, sum(outcomes), len(outcomes), sum(recent), len(recent), alarm)


def _alarm(rule: str, before: Sequence[bool], recent: Sequence[bool]) -> str:
    if len(recent) >= ENOUGH and sum(recent) / len(recent) < LOW_RATE:
        return (
            f"Only {sum(recent)} of the last {len(recent)} sessions passed {rule!r}. Try the study yourself: the "
            "rule, its clips or the page may be what fails."
        )
    if len(before) >= ENOUGH and len(recent) >= ENOUGH:
        from scipy.stats import fisher_exact  # a second to load, and seldom wanted

        table = [[sum(before), len(before) - sum(before)], [sum(recent), len(recent) - sum(recent)]]
        if fisher_exact(table).pvalue < CHANCE:
            return (
                f"{rule!r} was passed by {sum(before)} of {len(before)} sessions, but by {sum(recent)} of the "
                f"last {len(recent)}. Something has changed: who comes, the page, or the server."
            )
    return ""
