"""How many raters and prompts a study needs for the precision, or the power, that is wanted.

R raters give K ratings each, over S systems and P prompts, so that a system has n = R K / S ratings. Its mean varies by
(rater + system:rater) / R + (prompt + system:prompt) / P + rest / n; in a difference of two systems the effects of
rater and prompt cancel, and what is left counts twice. More raters with few ratings each beat few raters with many.

The half-width that a study reports is itself a random number, as it comes from an estimated variance: planned for its
mean, a given system misses the goal in half of the studies. The plan is therefore for assurance: the variance's
distribution is taken as that of a scaled chi-square, and the goal is reached by a given system in at least 80 % of
studies. `undertone.studies.analysis.simulation.planning` measures by simulation what a plan does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.errors import AnalysisError

Goal = Literal["mean", "difference"]
PROMPTS = (10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)
MOST_RATERS = 5000
ASSURANCE = 0.8  # share of studies in which a given system reaches the half-width
POWER = 0.8

# Standard deviations seen in crowd studies of speech on a five-point scale (notes of Rosenberg and Ramabhadran, 2017,
# and of the simulations here): what to plan with before there are ratings of one's own.
TYPICAL = VarianceComponents.of_deviations(rater=0.5, prompt=0.3, system_rater=0.2, system_prompt=0.2, residual=0.7)


@dataclass(frozen=True)
class StudySize:
    """One study that reaches the goal.

    Attributes:
        half_width: that a given system or difference reaches in the share of studies that the plan assures.
        power: at the plan's difference; None where it has none.
    """

    prompts: int
    raters: int
    trials_per_rater: int
    ratings: int
    raters_per_stimulus: float
    half_width: float
    power: float | None = None


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
    assurance: float = ASSURANCE
    difference: float | None = None
    contrasts: int = 1


def expected_half_width(
    components: VarianceComponents,
    systems: int,
    prompts: int,
    raters: int,
    trials_per_rater: int,
    goal: Goal = "mean",
) -> float:
    """Return half the width of a 95 % interval in a balanced study, as `mos` and `compare` report it on average.

    Raises:
        AnalysisError: fewer than two raters or prompts.
    """
    parts, df = variance_parts(components, systems, prompts, raters, trials_per_rater, goal)
    return float(stats.t.ppf((1 + LEVEL) / 2, df) * np.sqrt(sum(variance for variance, _ in parts)))


def assured_half_width(
    components: VarianceComponents,
    systems: int,
    prompts: int,
    raters: int,
    trials_per_rater: int,
    goal: Goal = "mean",
    assurance: float = ASSURANCE,
) -> float:
    """Return the half-width that a given system (or difference) reaches in a share `assurance` of studies.

    Raises:
        AnalysisError: fewer than two raters or prompts.
    """
    parts, df = variance_parts(components, systems, prompts, raters, trials_per_rater, goal)
    variance = sum(part for part, _ in parts)
    moments = sum(part**2 / part_df for part, part_df in parts)
    if moments <= 0:
        return 0.0
    variance_df = variance**2 / moments
    grown = variance * float(stats.chi2.ppf(assurance, variance_df)) / variance_df
    return float(stats.t.ppf((1 + LEVEL) / 2, df) * np.sqrt(grown))


def power_at(
    components: VarianceComponents,
    difference: float,
    systems: int,
    prompts: int,
    raters: int,
    trials_per_rater: int,
    contrasts: int = 1,
) -> float:
    """Return the share of studies that find a difference of two systems at 5 %.

    Args:
        components: of a pilot, or `TYPICAL`.
        difference: true, in points of the scale.
        systems: in the study, with ground truth and anchor.
        prompts: of the study.
        raters: of the study.
        trials_per_rater: of main clips.
        contrasts: in the family that is corrected; the first step of Holm is Bonferroni's.
    Raises:
        AnalysisError: fewer than two raters or prompts.
    """
    parts, df = variance_parts(components, systems, prompts, raters, trials_per_rater, "difference")
    error = float(np.sqrt(sum(variance for variance, _ in parts)))
    if error == 0:
        return 1.0
    limit = float(stats.t.ppf(1 - (1 - LEVEL) / (2 * contrasts), df))
    centre = abs(difference) / error
    if centre > limit + 8:  # scipy's noncentral t is NaN far out
        return 1.0
    return float(stats.nct.sf(limit, df, centre) + stats.nct.cdf(-limit, df, centre))


def variance_parts(
    components: VarianceComponents, systems: int, prompts: int, raters: int, trials_per_rater: int, goal: Goal
) -> tuple[list[tuple[float, float]], float]:
    """Return the parts of the variance with the degrees of freedom each is known from, and those of t.

    Raises:
        AnalysisError: fewer than two raters or prompts.
    """
    smaller = min(raters, prompts) - 1
    if smaller < 1:
        raise AnalysisError(f"{raters} raters and {prompts} prompts give no interval; plan at least two of each.")
    ratings = raters * trials_per_rater / systems
    rest = components.residual / ratings
    if goal == "mean":
        by_rater = (components.rater + components.system_rater) / raters
        by_prompt = (components.prompt + components.system_prompt) / prompts
        times = 1.0
    else:
        by_rater, by_prompt, times = components.system_rater / raters, components.system_prompt / prompts, 2.0
    # What is known of a part is known through the part and the rest together, as in `degrees`.
    known = [((by_rater + rest) ** 2, raters - 1), ((by_prompt + rest) ** 2, prompts - 1)]
    variance = times * (by_rater + by_prompt + rest)
    if goal == "mean":
        df = float(smaller)
    else:
        df = variance**2 / max(sum(times**2 * square / own for square, own in known), 1e-30)
        df = max(1.0, min(df, ratings * systems - raters - prompts)) if variance > 0 else float(smaller)
    parts = [(times * by_rater, raters - 1.0), (times * by_prompt, prompts - 1.0)]
    return [*parts, (times * rest, max(1.0, ratings - 1))], df


def plan_power(
    components: VarianceComponents = TYPICAL,
    half_width: float = 0.1,
    systems: int = 4,
    trials_per_rater: int = 20,
    goal: Goal = "mean",
    prompts: Sequence[int] = PROMPTS,
    assurance: float = ASSURANCE,
    difference: float | None = None,
    contrasts: int = 1,
) -> PowerPlan:
    """Return, for each number of prompts, the fewest raters that reach a half-width, or the power at a difference.

    Args:
        components: of a pilot, or `TYPICAL`.
        half_width: wanted, in points of the scale.
        systems: in the study, with ground truth and anchor.
        trials_per_rater: of main clips in one session; a rater hears each prompt once.
        goal: precision of a system's mean or of a difference of two.
        prompts: numbers to try.
        assurance: share of studies in which a given system reaches the half-width.
        difference: of two systems, to be found with a power of 80 %; the half-width then plays no part.
        contrasts: in the family that is corrected, for `difference`.
    Raises:
        AnalysisError: a number that no study can have.
    """
    if half_width <= 0 or systems < 1 or trials_per_rater < 1 or contrasts < 1:
        raise AnalysisError(
            f"half_width {half_width}, systems {systems}, trials_per_rater {trials_per_rater} and contrasts "
            f"{contrasts} must be positive."
        )
    if not 0 < assurance < 1:
        raise AnalysisError(f"assurance is {assurance:g}; expected a share between 0 and 1, such as 0.8.")
    if difference is not None and (difference == 0 or systems < 2):
        raise AnalysisError(f"a difference of {difference:g} among {systems} systems cannot be found.")
    options = []
    for number in prompts:
        trials = min(trials_per_rater, number)

        def reached(raters: int, number: int = number, trials: int = trials) -> bool:
            sizes = (systems, number, raters, trials)
            if difference is not None:
                return power_at(components, difference, *sizes, contrasts) >= POWER
            return assured_half_width(components, *sizes, goal, assurance) <= half_width

        raters = _fewest_raters(reached, number)
        if raters is not None:
            of = "difference" if difference is not None else goal
            width = assured_half_width(components, systems, number, raters, trials, of, assurance)
            ratings = raters * trials
            power = (
                None
                if difference is None
                else power_at(components, difference, systems, number, raters, trials, contrasts)
            )
            options.append(StudySize(number, raters, trials, ratings, ratings / (systems * number), width, power))
    plan = PowerPlan(
        "difference" if difference is not None else goal,
        half_width, systems, components, tuple(options), None, "", assurance, difference, contrasts,
    )  # fmt: skip
    if not options:
        what = f"{half_width:g}" if difference is None else f"a power of {POWER:.0%} at {difference:g}"
        note = f"no study with up to {max(prompts)} prompts and {MOST_RATERS} raters reaches {what}"
        return replace(plan, note=note)
    return replace(plan, recommended=min(options, key=lambda option: option.raters + option.prompts))


def _fewest_raters(reached: Callable[[int], bool], prompts: int) -> int | None:
    """Find the fewest raters by bisection, as more raters never widen the interval."""
    low, high = 2, MOST_RATERS
    if prompts < 2 or not reached(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle + 1, high)
    return low
