"""A mean over ratings that share raters and prompts, with the interval that is right for both populations.

The variance is clustered two ways (Cameron, Gelbach and Miller, 2011): what ratings of one rater share, plus what
ratings of one prompt share, less what was counted twice. An interval so made speaks of other raters and other prompts,
which is what a mean opinion score is read as; the usual sd / sqrt(n) speaks of neither.

Scales have ends. Near them the distribution of a mean leans away from the end, and an interval value +- t SE misses on
one side and passes the end. With limits the interval is made on the logit of the value's place between them, with the
standard error carried over (delta method), and brought back: it stays on the scale, leans as the distribution does, and
in the middle of the scale is the same. Near an end a few raters or prompts may make nearly all of the variance, which
is then known badly: t has the degrees of freedom that their own fourth moments leave (`degrees.mean_degrees`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from undertone.studies.analysis.degrees import mean_degrees

LEVEL = 0.95


def differs(p_holm: float | None) -> bool | None:
    """Return whether a pair differs by its corrected p value; None where the data cannot say."""
    return None if p_holm is None else p_holm <= 1 - LEVEL


@dataclass(frozen=True)
class Mean:
    """A mean with its interval; `low` and `high` are None where `note` says why there is none.

    Attributes:
        rater_variance: of the mean, as ratings of one rater vary together.
        prompt_variance: of the mean, as ratings of one prompt vary together.
        unclustered_variance: of the mean, as if no two ratings shared anything.
        df: of the t distribution; at most the smaller number of clusters less one.
    """

    value: float
    df: float
    num_ratings: int
    num_raters: int
    num_prompts: int
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    rater_variance: float | None = None
    prompt_variance: float | None = None
    unclustered_variance: float | None = None
    note: str = ""

    @property
    def half_width(self) -> float | None:
        """Return half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def clustered_mean(
    values: ArrayLike, raters: ArrayLike, prompts: ArrayLike, limits: tuple[float, float] | None = None
) -> Mean:
    """Fit a mean and its 95 % interval, two-way cluster-robust, t with at most min(#raters, #prompts) - 1 degrees.

    The variance is not let fall below the unclustered one of the same fit: with few clusters the difference of its
    parts can come out too small or negative, while ratings that share a rater or a prompt never know more than
    independent ones.

    Args:
        values: [N] ratings, or differences of two ratings.
        raters: [N] who gave each.
        prompts: [N] on which prompt.
        limits: ends of the scale, which the interval then respects; None for a quantity without ends.
    """
    y = np.asarray(values, dtype=np.float64)
    groups = np.stack([np.unique(np.asarray(ids), return_inverse=True)[1] for ids in (raters, prompts)], axis=1)
    num_raters, num_prompts = (int(column.max()) + 1 for column in groups.T)
    most = min(num_raters, num_prompts) - 1
    bare = Mean(float(y.mean()), most, len(y), num_raters, num_prompts)
    if most < 1:
        return replace(bare, note=_too_few(num_raters, num_prompts))
    if np.ptp(y) == 0:
        return replace(bare, note=f"all {len(y)} values are {y[0]:g}: the interval cannot be told")
    residuals = y - y.mean()
    by_rater, by_prompt = (_cluster_variance(residuals, column) for column in groups.T)
    by_pair = _cluster_variance(residuals, np.unique(groups, axis=0, return_inverse=True)[1].reshape(-1))
    unclustered = _cluster_variance(residuals, np.arange(len(y)))
    standard_error = float(np.sqrt(max(by_rater + by_prompt - by_pair, unclustered)))
    sums = [np.bincount(column, weights=residuals)[None].astype(np.float64) for column in groups.T]
    df = float(mean_degrees([unclustered], [[by_rater], [by_prompt]], sums)[0])
    low, high = interval_ends(bare.value, standard_error, float(stats.t.ppf((1 + LEVEL) / 2, df)), limits)
    return replace(
        bare,
        df=df,
        low=float(low),
        high=float(high),
        standard_error=standard_error,
        rater_variance=by_rater,
        prompt_variance=by_prompt,
        unclustered_variance=unclustered,
    )


def _cluster_variance(residuals: NDArray[np.float64], clusters: NDArray[np.intp]) -> float:
    """Return the variance of a mean whose residuals are free to depend on each other within a cluster.

    That is the sum of the clusters' squared sums over N^2, with the correction G / (G - 1) for G clusters; with each
    rating a cluster of its own it is White's estimator HC1.

    Args:
        residuals: [N] of the mean.
        clusters: [N] number of the cluster of each, from 0 on.
    """
    sums = np.bincount(clusters, weights=residuals)
    return float((sums**2).sum() / len(residuals) ** 2 * len(sums) / (len(sums) - 1))


def interval_ends(
    value: ArrayLike, standard_error: ArrayLike, quantile: ArrayLike, limits: tuple[float, float] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both ends of the interval value +- quantile * error, made on the logit scale where there are limits.

    Args:
        value: estimates of any shape; those at a limit have no logit and get the end itself or NaN.
        standard_error: on the scale's own unit.
        quantile: of t.
        limits: ends of the scale.
    """
    center = np.asarray(value, dtype=np.float64)
    reach = np.asarray(quantile) * np.asarray(standard_error, dtype=np.float64)
    if limits is None:
        return center - reach, center + reach
    low, high = limits
    with np.errstate(divide="ignore", invalid="ignore"):
        place = (center - low) / (high - low)
        step = reach / (high - low) / (place * (1 - place))
        return tuple(low + (high - low) * special.expit(special.logit(place) + side * step) for side in (-1, 1))


def _too_few(num_raters: int, num_prompts: int) -> str:
    who = [f"one {name}" for name, number in (("rater", num_raters), ("prompt", num_prompts)) if number < 2]
    what = " and ".join(who)
    return f"only {what}: nothing can be said about others; at least two raters and two prompts are needed"
