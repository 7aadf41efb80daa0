"""A mean over ratings that share raters and prompts, with the interval that is right for both populations.

The variance is clustered two ways (Cameron, Gelbach and Miller, 2011): what ratings of one rater share, plus what
ratings of one prompt share, less what was counted twice. An interval so made speaks of other raters and other prompts,
which is what a mean opinion score is read as; the usual sd / sqrt(n) speaks of neither.
"""

from dataclasses import dataclass, replace

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

LEVEL = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean with its interval; `low` and `high` are None where `note` says why there is none.

    Attributes:
        rater_variance: of the mean, as ratings of one rater vary together.
        prompt_variance: of the mean, as ratings of one prompt vary together.
        unclustered_variance: of the mean, as if no two ratings shared anything.
        df: of the t distribution, the smaller number of clusters less one.
    """

    value: float
    df: int
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


def clustered_mean(values: ArrayLike, raters: ArrayLike, prompts: ArrayLike) -> Mean:
    """Fit a mean and its 95 % interval, two-way cluster-robust, t with min(#raters, #prompts) - 1 degrees of freedom.

    The variance is not let fall below the unclustered one of the same fit: with few clusters the difference of its
    parts can come out too small or negative, while ratings that share a rater or a prompt never know more than
    independent ones.

    Args:
        values: [N] ratings, or differences of two ratings.
        raters: [N] who gave each.
        prompts: [N] on which prompt.
    """
    y = np.asarray(values, dtype=np.float64)
    groups = np.stack([np.unique(np.asarray(ids), return_inverse=True)[1] for ids in (raters, prompts)], axis=1)
    num_raters, num_prompts = (int(column.max()) + 1 for column in groups.T)
    df = min(num_raters, num_prompts) - 1
    bare = Mean(float(y.mean()), df, len(y), num_raters, num_prompts)
    if df < 1:
        return replace(bare, note=_too_few(num_raters, num_prompts))
    if np.ptp(y) == 0:
        return replace(bare, note=f"all {len(y)} values are {y[0]:g}: the interval cannot be told")
    fit = sm.OLS(y, np.ones((len(y), 1))).fit()
    both, by_rater, by_prompt = (float(covariance[0, 0]) for covariance in cov_cluster_2groups(fit, groups))
    unclustered = float(fit.cov_HC1[0, 0])
    standard_error = float(np.sqrt(max(both, unclustered)))
    half_width = float(stats.t.ppf((1 + LEVEL) / 2, df)) * standard_error
    return replace(
        bare,
        low=bare.value - half_width,
        high=bare.value + half_width,
        standard_error=standard_error,
        rater_variance=by_rater,
        prompt_variance=by_prompt,
        unclustered_variance=unclustered,
    )


def _too_few(num_raters: int, num_prompts: int) -> str:
    who = [f"one {name}" for name, number in (("rater", num_raters), ("prompt", num_prompts)) if number < 2]
    what = " and ".join(who)
    return f"only {what}: nothing can be said about others; at least two raters and two prompts are needed"
