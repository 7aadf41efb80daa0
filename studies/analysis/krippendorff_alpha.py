"""Krippendorff's alpha by its coincidence matrix. U units, V values, R resamples.

K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011: 1 is perfect agreement, 0 what chance gives.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
BLOCK = 2**18  # numbers of a block of resamples; more of them together are no faster


def krippendorff_alpha(counts: NDArray[np.int64], domain: NDArray[np.float64], level: Level) -> float | None:
    """Return alpha of any number of raters with missing ratings.

    Args:
        counts: [U, V] how often each unit was given each value; units with fewer than two ratings are left out.
        domain: [V] the values, in ascending order.
        level: how far apart two values are: "nominal" equal or not, "interval" their difference, "ordinal" the ratings
            between them.
    Returns:
        None where fewer than two values were given to units that can be compared: chance is not defined there.
    """
    (value,) = resampled_alphas(counts, domain, level, np.ones((1, len(counts)), np.int64))
    return None if np.isnan(value) else float(value)


def resampled_alphas(
    counts: NDArray[np.int64], domain: NDArray[np.float64], level: Level, times: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return alpha of every resample of the units, [R]; NaN where chance is not defined.

    Args:
        counts, domain, level: as of `krippendorff_alpha`.
        times: [R, U] how often each resample has each unit.
    """
    compared = counts.sum(1) >= 2
    pairable, times = counts[compared].astype(np.float64), times[:, compared]
    rows = max(1, BLOCK // max(1, pairable.shape[1] * max(pairable.shape)))
    blocks = [times[start : start + rows] for start in range(0, len(times), rows)]
    return np.concatenate([_alphas(coincidence_matrices(pairable, block), domain, level) for block in blocks])


def coincidence_matrices(counts: NDArray[np.float64], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return [R, V, V] how often two ratings of one unit are a pair of values, each unit with its number of ratings.

    Args:
        counts: [U, V] of units with two ratings or more.
        times: [R, U] how often each resample has each unit.
    """
    weights = counts.T / (counts.sum(1) - 1)
    taken = weights * times[:, None, :]
    return taken @ counts - taken.sum(2)[:, :, None] * np.eye(counts.shape[1])


def _alphas(coincidences: NDArray[np.float64], domain: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    margins = coincidences.sum(1)
    defined = (margins > 0).sum(1) >= 2
    coincidences, margins = coincidences[defined], margins[defined]
    total = margins.sum(1)
    distances = squared_distances(margins, domain, level)
    observed = (coincidences * distances).sum((1, 2)) / total
    expected = (margins[:, :, None] * margins[:, None, :] * distances).sum((1, 2)) / (total * (total - 1))
    values = np.full(len(defined), np.nan)
    values[defined] = 1 - observed / expected
    return values


def squared_distances(margins: NDArray[np.float64], domain: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """Return the squared distance of every two values, [R, V, V], or [1, V, V] where the ratings do not matter."""
    if level == "nominal":
        return 1.0 - np.eye(len(domain))[None]
    # Ratings below a value and half of those at it: the difference of two is the ratings between them.
    places = domain[None] if level == "interval" else margins.cumsum(1) - margins / 2
    return np.asarray((places[:, :, None] - places[:, None, :]) ** 2)
