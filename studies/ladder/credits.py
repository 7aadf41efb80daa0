"""What pairs count, and the share of them that is right."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from undertone.studies.errors import MeasureError
from undertone.studies.measures.intervals import Estimate, ShareEstimate, estimate

TIE_NATS = 1e-9  # sums in another order differ by less


def pair_credits(good: NDArray[np.float64], bad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 where the good side is likelier, 0.5 for a tie, else 0."""
    margin = good - bad
    return np.asarray(np.where(np.abs(margin) <= TIE_NATS, 0.5, margin > 0), dtype=np.float64)


def accuracy(credits: Sequence[float], clusters: Sequence[Hashable]) -> Estimate:
    """Return the mean of credits with its interval over clusters."""
    found = estimate([ShareEstimate(float(credit), 1) for credit in credits], clusters)
    if found is None:
        raise MeasureError("there is no pair to measure on; make the ladder with more --words.")
    return found
