"""A third opinion on differences that does not take the answers for numbers: the cumulative logit mixed model."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.ordinal_fit import OrdinalFitError, fit_ordinal
from undertone.studies.analysis.ratings_frame import codes, select, systems_of

MOST_CATEGORIES = 11  # answers beyond which the order alone says as much as the numbers
MOST_CELLS = 40_000_000  # numbers of the largest table of the fit
_SEPARATED = 10.0  # logits between systems from which an end of the scale stands for an estimate


@dataclass(frozen=True)
class OrdinalDifference:
    """First system less second, in logits: exp(value) is the ratio of the odds of a higher answer.

    The interval and p, for this pair alone, are Wald's with the normal distribution, as R's `ordinal::clmm` prints
    them; with few raters they are too narrow.
    """

    first: str
    second: str
    value: float
    low: float
    high: float
    z: float
    p: float


@dataclass(frozen=True)
class OrdinalModel:
    """What the model found; empty, with `note`, where it cannot be fitted.

    Attributes:
        cuts: thresholds between the answers, in logits.
        deviations: standard deviations of rater, prompt, system x rater and system x prompt, in logits.
    """

    scale: str
    answers: tuple[float, ...] = ()
    cuts: tuple[float, ...] = ()
    deviations: tuple[float, float, float, float] | None = None
    differences: tuple[OrdinalDifference, ...] = ()
    log_likelihood: float | None = None
    converged: bool = False
    note: str = ""

    def difference(self, first: str, second: str) -> OrdinalDifference | None:
        """Return the difference of two systems in this order; None where there is no fit."""
        for pair in self.differences:
            if (pair.first, pair.second) == (first, second):
                return pair
            if (pair.first, pair.second) == (second, first):
                return OrdinalDifference(first, second, -pair.value, -pair.high, -pair.low, -pair.z, pair.p)
        return None


def ordinal_model(frame: pd.DataFrame, scale: str, screened: bool = True, largest: int = 30_000) -> OrdinalModel:
    """Fit logit P(answer <= k) = cut_k - (system + (rater) + (prompt) + (system:rater) + (system:prompt)).

    Args:
        frame: a row for each rating.
        scale: its name.
        screened: only accepted sessions.
        largest: number of ratings above which the fit is left out.
    Raises:
        AnalysisError: there is nothing on the scale.
    """
    ratings = select(frame, scale, screened)
    names = systems_of(ratings)
    answers, y = np.unique(ratings["value"].to_numpy(), return_inverse=True)
    rater, prompt = codes(ratings["rater"]), codes(ratings["prompt"])
    system = np.searchsorted(names, ratings["system"].astype(str))
    reason = _why_not(len(ratings), names, answers, rater, prompt, largest)
    if reason:
        return OrdinalModel(scale, note=reason)
    columns = np.eye(len(names))[system][:, 1:]
    several = len(names) > 1
    try:
        fit = fit_ordinal(y.reshape(-1), columns, rater, prompt, system, (True, True, several, several))
    except OrdinalFitError as reason_of_fit:
        return OrdinalModel(scale, note=str(reason_of_fit))
    if np.abs(fit.slopes).max(initial=0.0) > _SEPARATED:
        return OrdinalModel(scale, note="a system has nearly all its answers at one end: its odds cannot be told")
    covariance = np.pad(fit.covariance, ((1, 0), (1, 0)))
    values = np.append(0.0, fit.slopes)
    found = []
    for a, b in combinations(range(len(names)), 2):
        gap = float(values[a] - values[b])
        error = float(np.sqrt(covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]))
        reach = float(stats.norm.ppf((1 + LEVEL) / 2)) * error
        p = float(2 * stats.norm.sf(abs(gap) / error))
        found.append(OrdinalDifference(names[a], names[b], gap, gap - reach, gap + reach, gap / error, p))
    by_rater, by_prompt, system_rater, system_prompt = (float(one) for one in fit.deviations)
    return OrdinalModel(
        scale,
        tuple(float(answer) for answer in answers),
        tuple(float(cut) for cut in fit.cuts),
        (by_rater, by_prompt, system_rater, system_prompt),
        tuple(found),
        fit.log_likelihood,
        fit.converged,
    )


def _why_not(
    ratings: int, names: list[str], answers: np.ndarray, rater: np.ndarray, prompt: np.ndarray, largest: int
) -> str:
    if ratings > largest:
        return f"left out here, as {ratings} ratings are more than {largest}"
    if min(rater.max(), prompt.max()) < 1:
        return "one rater or one prompt: there are no two effects to tell apart"
    if len(answers) < 2:
        return "the ratings do not vary: there is nothing to explain"
    if len(answers) > MOST_CATEGORIES:
        return f"{len(answers)} different answers: beyond {MOST_CATEGORIES} their order alone says little more"
    if ratings <= len(names) + len(answers) + 4:
        return f"{ratings} ratings are too few for {len(names)} systems, {len(answers)} answers and four variances"
    longest = int(np.bincount(rater if rater.max() >= prompt.max() else prompt).max())
    members = int(max(rater.max(), prompt.max())) + 1
    small = (int(min(rater.max(), prompt.max())) + 1) * (len(names) + 1)
    met = min(2 * longest, small)
    if max(members * met * max(met, longest), small * small) > MOST_CELLS:
        return "left out, as these ratings make a model too large for memory"
    return ""
