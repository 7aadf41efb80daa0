"""The interval of CrowdMOS (Ribeiro et al., ICASSP 2011), as older papers printed it: three variances of one table."""

import math

import numpy as np
from scipy.stats import t as student_t


def crowdmos_half_width(table: np.ndarray) -> float | None:
    """Return half of the 95 % interval of the mean of ratings [raters, stimuli], NaN where there is none.

    A rating is the mean plus a part of its rater, of its stimulus and of neither. None where the table has a single
    row or column, or no variance can be estimated.
    """
    if min(table.shape) < 2:
        return None
    variance = _variance_of_mean(table)
    if not np.isfinite(variance):
        return None
    return float(student_t.ppf(0.975, min(table.shape) - 1)) * math.sqrt(variance)


def _variance_of_mean(table: np.ndarray) -> float:
    given = ~np.isnan(table)
    total = int(given.sum())
    if not total:
        return math.nan
    stimulus = _mean_variance(table)  # within a rater: of stimuli and the rest
    rater = _mean_variance(table.T)  # within a stimulus: of raters and the rest
    whole = float(np.nanvar(table)) if total > 1 else math.nan
    shares = {"stimulus": (given.sum(0) ** 2).sum() / total**2, "rater": (given.sum(1) ** 2).sum() / total**2}
    if math.isnan(stimulus) and math.isnan(rater):
        return whole / total
    if math.isnan(stimulus) or math.isnan(rater):
        # As published: the one variance known is the rest's, and the share is of its own side.
        known, share = (rater, shares["rater"]) if math.isnan(stimulus) else (stimulus, shares["stimulus"])
        return float(max(0.0, whole - known) * share + known / total)
    parts = {"stimulus": whole - rater, "rater": whole - stimulus}
    rest = max(0.0, stimulus + rater - whole)
    return float(sum(max(0.0, parts[name]) * shares[name] for name in parts) + rest / total)


def _mean_variance(rows: np.ndarray) -> float:
    """Return the mean over rows with two ratings or more of the variance inside the row."""
    several = rows[(~np.isnan(rows)).sum(1) > 1]
    return float(np.nanvar(several, axis=1).mean()) if len(several) else math.nan
