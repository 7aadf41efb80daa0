"""What screening did: how many sessions each rule dropped, and the scores with and without it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.mos import MosTable, mos
from undertone.studies.analysis.ratings_frame import select


@dataclass(frozen=True)
class RuleCount:
    """One rule over all sessions that it judged.

    Attributes:
        excludes: whether failing drops the session; otherwise it is only flagged.
        failed_alone: sessions that failed this rule and no other.
    """

    rule: str
    excludes: bool
    judged: int
    failed: int
    failed_alone: int
    pass_rate: float


@dataclass(frozen=True)
class Shift:
    """One system's mean score with and without screening."""

    system: str
    screened: float | None
    unscreened: float
    ratings_kept: int
    ratings_given: int


@dataclass(frozen=True)
class ScreeningEffect:
    """Scores on one scale with and without screening; `screened` is None where nobody passed, and `note` says so."""

    scale: str
    screened: MosTable | None
    unscreened: MosTable
    shifts: tuple[Shift, ...]
    note: str = ""


def count_rules(sessions: pd.DataFrame) -> tuple[RuleCount, ...]:
    """Count how often each rule passed, in the order of first use.

    Args:
        sessions: a row for each session, with `screening`.
    """
    verdicts = [verdict_of(screening) for screening in sessions["screening"]]
    flags = {
        rule
        for screening in sessions["screening"]
        if isinstance(screening, Mapping)
        for rule, result in screening.items()
        if isinstance(result, Mapping) and result.get("effect") == "flag"
    }
    names = list(dict.fromkeys(rule for verdict in verdicts for rule in verdict))
    return tuple(_count(name, name not in flags, verdicts) for name in names)


def verdict_of(screening: Any) -> dict[str, bool]:
    """Return {rule: passed} of a session; a rule that is not judged yet is left out."""
    if not isinstance(screening, Mapping):
        return {}
    found = {}
    for rule, result in screening.items():
        passed = result.get("passed") if isinstance(result, Mapping) else result
        if passed is not None:
            found[str(rule)] = bool(passed)
    return found


def screening_effect(frame: pd.DataFrame, scale: str, limits: tuple[float, float] | None = None) -> ScreeningEffect:
    """Return the scores on a scale with and without screening.

    Args:
        frame: a row for each rating.
        scale: its name.
        limits: ends of the scale, which the intervals respect.
    Raises:
        AnalysisError: nothing was rated on the scale.
    """
    unscreened = mos(frame, scale, screened=False, limits=limits)
    ratings = select(frame, scale, screened=False)
    screened: MosTable | None = None
    note = ""
    if ratings["accepted"].map(lambda accepted: accepted is True).all():
        screened = replace(unscreened, screened=True)  # the same ratings
    else:
        try:
            screened = mos(frame, scale, limits=limits)
        except AnalysisError as error:
            note = str(error)
    given = ratings.groupby("system").size()
    kept = {score.system: score for score in screened.systems} if screened else {}
    shifts = tuple(
        Shift(
            system=score.system,
            screened=kept[score.system].mean.value if score.system in kept else None,
            unscreened=score.mean.value,
            ratings_kept=kept[score.system].mean.num_ratings if score.system in kept else 0,
            ratings_given=int(given[score.system]),
        )
        for score in unscreened.systems
    )
    return ScreeningEffect(scale, screened, unscreened, shifts, note)


def _count(rule: str, excludes: bool, verdicts: list[dict[str, bool]]) -> RuleCount:
    passed = [verdict[rule] for verdict in verdicts if rule in verdict]
    alone = sum(
        not verdict.get(rule, True) and sum(not other for other in verdict.values()) == 1 for verdict in verdicts
    )
    failed = len(passed) - sum(passed)
    return RuleCount(rule, excludes, len(passed), failed, alone, 1 - failed / len(passed))
