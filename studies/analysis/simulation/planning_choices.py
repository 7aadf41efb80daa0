"""How many raters a study of choices needs: its design, simulated with more raters until a difference is found."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import stats

from undertone.engine.worker_pool import map_in_workers
from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.simulation.choosing import ChoiceStudy, Outcome, outcome

FEWEST, MOST = 5, 320  # raters that are tried
MIDDLE = 3.3  # liking of the systems that do not differ, on a scale of 1 to 5


@dataclass(frozen=True)
class TriedSize:
    """One number of raters: the share of simulated studies that find the difference, with its Monte-Carlo error."""

    raters: int
    minutes: float
    power: float
    error: float


@dataclass(frozen=True)
class ChoicePlan:
    """What was tried, the fewest raters first.

    Attributes:
        recommended: the fewest raters with the wanted power; None where the most that are tried have less.
    """

    tried: tuple[TriedSize, ...]
    recommended: TriedSize | None
    studies: int


def plan_choices(
    study: ChoiceStudy,
    systems: int,
    difference: float,
    power: float = 0.8,
    contrasts: int = 1,
    studies: int = 100,
    workers: int = 1,
    most: int = MOST,
) -> ChoicePlan:
    """Return how many raters find a difference of two systems in a wanted share of studies.

    Args:
        study: clips of a trial, trials of a rater, prompts and people; its raters and likings are replaced.
        systems: in the study; two differ, the others lie between them.
        difference: of liking, in points of a five-point scale.
        power: share of studies that is wanted.
        contrasts: in the family that is corrected (Bonferroni, the strictest step of Holm).
        studies: simulated for each number of raters.
        workers: processes.
        most: raters that are tried.
    Raises:
        AnalysisError: fewer systems than clips of a trial, or a goal that no study has.
    """
    if systems < study.clips:
        raise AnalysisError(f"a trial has {study.clips} clips, but there are {systems} systems. Add systems.")
    if study.trials > study.prompts:
        raise AnalysisError(f"{study.trials} trials need as many prompts; there are {study.prompts}. Add prompts.")
    if difference <= 0 or not 0 < power < 1 or contrasts < 1:
        raise AnalysisError("a plan needs a difference above 0, a power within 0 and 1, and a contrast or more.")
    liking = (MIDDLE + difference / 2, MIDDLE - difference / 2, *[MIDDLE] * (systems - 2))
    tried: dict[int, TriedSize] = {}

    def reaches(raters: int) -> bool:
        sized = replace(study, raters=raters, liking=liking)
        found = list(map_in_workers(partial, (outcome, sized), range(studies), workers, chunk_size=4))
        share = float(np.mean([_is_found(one, systems, contrasts) for one in found]))
        tried[raters] = TriedSize(raters, sized.minutes, share, float(np.sqrt(share * (1 - share) / studies)))
        return share >= power

    raters = FEWEST
    while not reaches(raters) and raters < most:
        raters = min(most, 2 * raters)
    if tried[raters].power >= power:
        low, high = max([FEWEST - 1, *(one.raters for one in tried.values() if one.power < power)]), raters
        while high - low > max(1, high // 8):
            middle = (low + high) // 2
            low, high = (low, middle) if reaches(middle) else (middle, high)
    enough = [one for one in tried.values() if one.power >= power]
    fewest = min(enough, key=lambda one: one.raters, default=None)
    return ChoicePlan(tuple(sorted(tried.values(), key=lambda one: one.raters)), fewest, studies)


def _is_found(found: Outcome | None, systems: int, contrasts: int) -> bool:
    """Return whether the first system is called better than the second; a study without a fit finds nothing."""
    if found is None:
        return False
    value, error = found.values[systems], found.errors[systems]  # the first difference after the strengths
    return bool(value > 0 and 2 * stats.t.sf(value / error, found.df) * contrasts <= 1 - LEVEL)
