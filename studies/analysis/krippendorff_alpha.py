"""Krippendorff's alpha by its coincidence matrix. U units, V values.

K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011: 1 is perfect agreement, 0 what chance gives.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]


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
    coincidences = coincidence_matrix(counts)
    margins = coincidences.sum(0)
    total = margins.sum()
    if (margins > 0).sum() < 2:
        return None
    distances = squared_distances(margins, domain, level)
    observed = (coincidences * distances).sum() / total
    expected = (np.outer(margins, margins) * distances).sum() / (total * (total - 1))
    return float(1 - observed / expected)


def coincidence_matrix(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return [V, V] how often two ratings of one unit are a pair of values, each unit with its number of ratings."""
    sizes = counts.sum(1)
    used, sizes = counts[sizes >= 2].astype(np.float64), sizes[sizes >= 2]
    weights = used / (sizes - 1)[:, None]
    return used.T @ weights - np.diag(weights.sum(0))


def squared_distances(margins: NDArray[np.float64], domain: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """Return [V, V] the squared distance of every two values."""
    if level == "nominal":
        return 1.0 - np.eye(len(domain))
    # Ratings below a value and half of those at it: the difference of two is the ratings between them.
    places = domain if level == "interval" else margins.cumsum() - margins / 2
    return np.asarray(np.subtract.outer(places, places) ** 2)
