"""A/B studies: which of two is preferred, both orders taken together, and how much the order itself does.

In an A/B study what is presented is an ordered pair, and the answer says how much better the second is than the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from undertone.studies.analysis.clustered import LEVEL, Mean, clustered_mean
from undertone.studies.analysis.ratings_frame import select


@dataclass(frozen=True)
class Preference:
    """One pair of systems in both orders.

    Attributes:
        preference: for the second of the two; its interval is over raters and prompts.
        shares: of answers for the first, for neither, for the second.
        p: of no preference, two-sided; `p_holm` over all pairs.
    """

    first: str
    second: str
    preference: Mean
    shares: tuple[float, float, float]
    p: float | None
    p_holm: float | None = None

    @property
    def different(self) -> bool | None:
        """Return whether the pair differs at 5 % over all pairs; None where the data cannot say."""
        return None if self.p_holm is None else self.p_holm <= 1 - LEVEL


@dataclass(frozen=True)
class Preferences:
    """Every pair on one scale, and the preference for whatever came second."""

    scale: str
    pairs: tuple[Preference, ...]
    order: Mean


def preferences(
    frame: pd.DataFrame, scale: str, pairs: Mapping[str, tuple[str, str]], screened: bool = True
) -> Preferences:
    """Preferences of an A/B study.

    Args:
        frame: a row for each answer; `system` names the ordered pair.
        scale: its name.
        pairs: what was heard first and second in each ordered pair.
        screened: only accepted sessions.
    Raises:
        AnalysisError: there is nothing on the scale.
    """
    ratings = select(frame, scale, screened)
    heard = [pairs[name] for name in ratings["system"]]
    ratings = ratings.assign(
        first=[min(pair) for pair in heard],
        second=[max(pair) for pair in heard],
        towards=ratings["value"].to_numpy() * [1.0 if pair == (min(pair), max(pair)) else -1.0 for pair in heard],
    )
    found = [_preference(str(a), str(b), rows) for (a, b), rows in ratings.groupby(["first", "second"])]
    tested = [pair.p for pair in found if pair.p is not None]
    corrected = iter(multipletests(tested, method="holm")[1] if tested else [])
    order = clustered_mean(ratings["value"], ratings["rater"], ratings["prompt"])
    return Preferences(
        scale,
        tuple(pair if pair.p is None else replace(pair, p_holm=float(next(corrected))) for pair in found),
        order,
    )


def _preference(first: str, second: str, rows: pd.DataFrame) -> Preference:
    towards = rows["towards"].to_numpy()
    mean = clustered_mean(towards, rows["rater"], rows["prompt"])
    p = None
    if mean.standard_error:
        p = float(2 * stats.t.sf(abs(mean.value) / mean.standard_error, mean.df))
    shares = (float(np.mean(towards < 0)), float(np.mean(towards == 0)), float(np.mean(towards > 0)))
    return Preference(first, second, mean, shares, p)
