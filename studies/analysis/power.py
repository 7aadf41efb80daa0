"""How many raters and prompts a study needs for the precision that is wanted.

R raters give K ratings each, over S systems and P prompts, so that a system has n = R K / S ratings. Its mean varies by
(rater + system:rater) / R + (prompt + system:prompt) / P + rest / n; in a difference of two systems the effects of
rater and prompt cancel, and what is left counts twice. More raters with few ratings each beat few raters with many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.errors import AnalysisError

Goal = Literal["mean", "difference"]
PROMPTS = (10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)
MOST_RATERS = 5000

# Standard deviations seen in crowd studies of speech on a five-point scale (notes of Rosenberg and Ramabhadran, 2017,
# and of the simulations here): what to plan with before there are ratings of one's own.
TYPICAL = VarianceComponents.of_deviations(rater=0.5, prompt=0.3, system_rater=0.2, system_prompt=0.2, residual=0.7)


@dataclass(frozen=True)
class StudySize:
    """One study that reaches the goal."""

    prompts: int
    raters: int
    trials_per_rater: int
    ratings: int
    raters_per_stimulus: float
    half_width: float


@dataclass(frozen=True)
class PowerPlan:
    """The studies that reach a half-width, from the fewest prompts on; `options` is empty where `note` says why.

    Attributes:
        recommended: the option with the fewest raters and prompts together.
    """

    goal: Goal
    half_width: float
    systems: int
    components: VarianceComponents
    options: tuple[StudySize, ...]
    recommended: StudySize | None
    note: str = ""


def expected_half_width(
    components: VarianceComponents,
    systems: int,
    prompts: int,
    raters: int,
    trials_per_rater: int,
    goal: Goal = "mean",
) -> float:
    """Return half the width of a 95 % interval in a balanced study, as `mos` and `compare` will report it."""
    df = min(raters, prompts) - 1
    if df < 1:
        raise AnalysisError(f"{raters} raters and {prompts} prompts give no interval; plan at least two of each.")
    ratings = raters * trials_per_rater / systems
    if goal == "mean":
        variance = (components.rater + components.system_rater) / raters
        variance += (components.prompt + components.system_prompt) / prompts + components.residual / ratings
    else:
        variance = 2 * (components.system_rater / raters + components.system_prompt / prompts)
        variance += 2 * components.residual / ratings
    return float(stats.t.ppf((1 + LEVEL) / 2, df) * np.sqrt(variance))


def plan_power(
    components: VarianceComponents = TYPICAL,
    half_width: float = 0.1,
    systems: int = 4,
    trials_per_rater: int = 20,
    goal: Goal = "mean",
    prompts: Sequence[int] = PROMPTS,
) -> PowerPlan:
    """Return, for each number of prompts, the fewest raters that reach a half-width.

    Args:
        components: of a pilot, or `TYPICAL`.
        half_width: wanted, in points of the scale.
        systems: in the study, with ground truth and anchor.
        trials_per_rater: of main clips in one session; a rater hears each prompt once.
        goal: precision of a system's mean or of a difference of two.
        prompts: numbers to try.
    Raises:
        AnalysisError: a number that no study can have.
    """
    if half_width <= 0 or systems < 1 or trials_per_rater < 1:
        raise AnalysisError(
            f"half_width {half_width}, systems {systems} and trials_per_rater {trials_per_rater} must be positive."
        )
    found = [_fewest_raters(components, half_width, systems, number, trials_per_rater, goal) for number in prompts]
    options = tuple(option for option in found if option is not None)
    if not options:
        note = f"no study with up to {max(prompts)} prompts and {MOST_RATERS} raters reaches {half_width:g}"
        return PowerPlan(goal, half_width, systems, components, (), None, note)
    best = min(options, key=lambda option: option.raters + option.prompts)
    return PowerPlan(goal, half_width, systems, components, options, best)


def _fewest_raters(
    components: VarianceComponents, half_width: float, systems: int, prompts: int, trials_per_rater: int, goal: Goal
) -> StudySize | None:
    """Find the fewest raters by bisection, as more raters never widen the interval."""
    trials = min(trials_per_rater, prompts)

    def width(raters: int) -> float:
        return expected_half_width(components, systems, prompts, raters, trials, goal)

    low, high = 2, MOST_RATERS
    if prompts < 2 or width(high) > half_width:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if width(middle) <= half_width else (middle + 1, high)
    ratings = low * trials
    return StudySize(prompts, low, trials, ratings, ratings / (systems * prompts), width(low))
