"""Holm's correction of several tests (Scandinavian Journal of Statistics 6, 1979).

Not from statsmodels: its `multipletests` collects all garbage of the process in every call, a second in a server.
"""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the corrected p-values in the order given: the smallest times their number, the next times one less, …

    None of them is larger than 1 or smaller than that of a smaller p-value.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    found: list[float] = corrected.tolist()
    return found
