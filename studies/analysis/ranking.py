"""Systems ranked by what was chosen over what, with intervals that speak of other raters and other prompts.

Strengths are the maximum of the Bradley-Terry / Plackett-Luce likelihood (`choices.model`), in units of log odds, with
mean 0. Choices of one rater vary together, and so do those about one prompt: the variance is a sandwich clustered two
ways (Cameron, Gelbach and Miller, 2011), as for mean opinion scores. It holds where the trials were chosen by what was
answered before (active choice), as `undertone study simulate-choices` shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from undertone.studies.analysis.clustered import LEVEL, differs
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.choices.model import (
    Answer,
    Floats,
    Terms,
    fitted_strengths,
    information_of,
    is_connected,
    scores_of,
    terms_of,
)
from undertone.studies.measures.holm import holm

ROUNDING = 1e-16  # a variance that is none
PRIOR_DEVIATION = 3.0  # log odds; only where maximum likelihood does not exist


@dataclass(frozen=True)
class Judgement:
    """One trial: who said what about which systems on which prompt."""

    rater: str
    prompt: str
    systems: tuple[str, ...]
    best: str | None = None
    worst: str | None = None
    tie: bool = False


@dataclass(frozen=True)
class RankedSystem:
    """One system of a ranking.

    Attributes:
        strength: log odds against a system of mean strength; `low` and `high` are None where there is no interval.
        chance: probability to be chosen over another system of the study, the mean over them.
        best_rank: the ranks that the data leave open at 5 % over all pairs (Holm).
        times: trials that it was in.
    """

    system: str
    strength: float
    low: float | None
    high: float | None
    chance: float
    best_rank: int
    worst_rank: int
    times: int
    named_best: int
    named_worst: int


@dataclass(frozen=True)
class RankedPair:
    """Strength of the first less that of the second, and the probability that the first is chosen."""

    first: str
    second: str
    value: float
    low: float | None
    high: float | None
    chance: float
    chance_low: float | None
    chance_high: float | None
    p: float | None
    p_holm: float | None = None

    @property
    def different(self) -> bool | None:
        """Return whether the pair differs at 5 % over all pairs; None where the data cannot say."""
        return differs(self.p_holm)


@dataclass(frozen=True)
class Ranking:
    """Every system, the strongest first; `note` says why there are no intervals."""

    systems: tuple[RankedSystem, ...]
    pairs: tuple[RankedPair, ...]
    trials: int
    raters: int
    prompts: int
    df: int
    note: str = ""


@dataclass(frozen=True)
class Fit:
    """Strengths and their covariance.

    Attributes:
        strengths: [S] log odds, mean 0.
        covariance: [S, S] clustered over raters and prompts.
        unclustered: [S, S] as if no two trials shared anything.
    """

    strengths: Floats
    covariance: Floats
    unclustered: Floats
    df: int

    def deviation(self, contrast: Floats) -> float:
        """Return the standard error of a contrast [S]; never below the unclustered one."""
        return float(np.sqrt(max(contrast @ self.covariance @ contrast, contrast @ self.unclustered @ contrast)))


def rank(judgements: Sequence[Judgement]) -> Ranking:
    """Rank the systems of a list of judgements.

    Raises:
        AnalysisError: there is nothing to rank.
    """
    names = sorted({name for judgement in judgements for name in judgement.systems})
    if len(names) < 2:
        raise AnalysisError("there are no choices between two systems yet. Wait for finished sessions.")
    number = {name: index for index, name in enumerate(names)}
    terms = terms_of([_answer(judgement, number) for judgement in judgements])
    raters = np.unique([judgement.rater for judgement in judgements], return_inverse=True)[1]
    prompts = np.unique([judgement.prompt for judgement in judgements], return_inverse=True)[1]
    df = int(min(raters.max(), prompts.max()))
    if not is_connected(terms, len(names)):
        strengths = fitted_strengths(terms, len(names), PRIOR_DEVIATION)
        note = (
            "some systems were chosen always or never against the rest, so that their strengths have no bound: they "
            f"are shown with a prior of deviation {PRIOR_DEVIATION:g} and without intervals; more trials are needed"
        )
        return _ranking(names, judgements, strengths, None, (raters, prompts, df), note)
    if df < 1:
        note = "only one rater or one prompt: nothing can be said about others; at least two of each are needed"
        return _ranking(names, judgements, fitted_strengths(terms, len(names)), None, (raters, prompts, df), note)
    fit = clustered_fit(terms, len(names), raters, prompts)
    if np.trace(fit.unclustered) < ROUNDING:
        note = "the answers do not vary: chance cannot be judged, and there are no intervals"
        return _ranking(names, judgements, fit.strengths, None, (raters, prompts, df), note)
    return _ranking(names, judgements, fit.strengths, fit, (raters, prompts, df))


def clustered_fit(terms: Terms, systems: int, raters: NDArray[np.int64], prompts: NDArray[np.int64]) -> Fit:
    """Fit strengths with their two-way clustered covariance.

    Args:
        systems: S, numbered from 0.
        raters: [trials] number of the rater, from 0.
        prompts: [trials] number of the prompt, from 0.
    """
    strengths = fitted_strengths(terms, systems)
    scores = scores_of(terms, strengths)
    bread = np.linalg.inv(information_of(terms, strengths) + 1.0 / systems)
    parts = []
    trials = np.arange(int(terms.trials.max()) + 1)
    for groups in (raters, prompts, trials):
        count = int(groups.max()) + 1
        sums = np.zeros((count, systems))
        np.add.at(sums, groups[terms.trials], scores)
        parts.append(count / (count - 1) * sums.T @ sums)
    by_rater, by_prompt, by_trial = (bread @ part @ bread for part in parts)
    df = int(min(raters.max(), prompts.max()))
    return Fit(strengths, by_rater + by_prompt - by_trial, by_trial, df)


def _answer(judgement: Judgement, number: dict[str, int]) -> Answer:
    systems = judgement.systems
    best = None if judgement.best is None else systems.index(judgement.best)
    worst = None if judgement.worst is None else systems.index(judgement.worst)
    return Answer(tuple(number[name] for name in systems), best, worst, judgement.tie)


def _ranking(
    names: Sequence[str],
    judgements: Sequence[Judgement],
    strengths: Floats,
    fit: Fit | None,
    sizes: tuple[NDArray[np.int64], NDArray[np.int64], int],
    note: str = "",
) -> Ranking:
    raters, prompts, df = sizes
    pairs = _pairs(names, strengths, fit)
    order = sorted(range(len(names)), key=lambda index: -strengths[index])
    return Ranking(
        systems=tuple(_ranked(index, names, judgements, strengths, fit, pairs) for index in order),
        pairs=pairs,
        trials=len(judgements),
        raters=int(raters.max()) + 1,
        prompts=int(prompts.max()) + 1,
        df=df,
        note=note,
    )


def _pairs(names: Sequence[str], strengths: Floats, fit: Fit | None) -> tuple[RankedPair, ...]:
    """Return every pair, the stronger first."""
    order = sorted(range(len(names)), key=lambda index: -strengths[index])
    found = []
    for i, j in combinations(order, 2):
        value = float(strengths[i] - strengths[j])
        low = high = p = None
        if fit is not None:
            contrast = np.zeros(len(names))
            contrast[[i, j]] = 1.0, -1.0
            deviation = fit.deviation(contrast)
            if deviation**2 >= ROUNDING:
                reach = float(stats.t.ppf((1 + LEVEL) / 2, fit.df)) * deviation
                low, high = value - reach, value + reach
                p = float(2 * stats.t.sf(abs(value) / deviation, fit.df))
        chance_low, chance_high = (None if end is None else _chance(end) for end in (low, high))
        found.append(RankedPair(names[i], names[j], value, low, high, _chance(value), chance_low, chance_high, p))
    tested = [pair.p for pair in found if pair.p is not None]
    corrected = iter(holm(tested))
    return tuple(pair if pair.p is None else replace(pair, p_holm=float(next(corrected))) for pair in found)


def _ranked(
    index: int,
    names: Sequence[str],
    judgements: Sequence[Judgement],
    strengths: Floats,
    fit: Fit | None,
    pairs: Sequence[RankedPair],
) -> RankedSystem:
    name = names[index]
    low = high = None
    if fit is not None:
        contrast = np.full(len(names), -1.0 / len(names))
        contrast[index] += 1.0
        reach = float(stats.t.ppf((1 + LEVEL) / 2, fit.df)) * fit.deviation(contrast)
        low, high = float(strengths[index] - reach), float(strengths[index] + reach)
    others = [other for other in range(len(names)) if other != index]
    return RankedSystem(
        system=name,
        strength=float(strengths[index]),
        low=low,
        high=high,
        chance=float(np.mean([_chance(strengths[index] - strengths[other]) for other in others])),
        best_rank=1 + sum(bool(pair.different) for pair in pairs if pair.second == name),
        worst_rank=len(names) - sum(bool(pair.different) for pair in pairs if pair.first == name),
        times=sum(name in judgement.systems for judgement in judgements),
        named_best=sum(name == judgement.best for judgement in judgements),
        named_worst=sum(name == judgement.worst for judgement in judgements),
    )


def _chance(difference: float) -> float:
    return float(1 / (1 + np.exp(-difference)))
