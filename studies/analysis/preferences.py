"""Which of two versions is preferred, both orders taken together, and how much the order itself does.

The answer says how much better the version that was heard second is than the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from undertone.studies.analysis.choices import paired
from undertone.studies.analysis.clustered import Mean, clustered_mean, differs
from undertone.studies.analysis.ratings_frame import select
from undertone.studies.measures.holm import holm


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
        return differs(self.p_holm)


@dataclass(frozen=True)
class Preferences:
    """Every pair on one scale, and the preference for whatever came second."""

    scale: str
    pairs: tuple[Preference, ...]
    order: Mean


def preferences(
    frame: pd.DataFrame,
    scale: str,
    pairs: Mapping[str, tuple[str, str]],
    screened: bool = True,
    order: Sequence[str] = (),
) -> Preferences:
    """Return the preferences of a study whose trials compare two versions.

    Args:
        frame: a row for each answer; `system` names the ordered pair, or the clip of a page of two.
        scale: its name.
        pairs: what was heard first and second in each ordered pair; empty where each clip is a sound of its own.
        screened: only accepted sessions.
        order: of the systems, as the study file has them.
    Raises:
        AnalysisError: there is nothing on the scale.
    """
    ratings = paired(select(frame, scale, screened), pairs, order)
    groups = ratings.groupby(["first", "second"], sort=False)
    found = [_preference(str(a), str(b), rows) for (a, b), rows in groups]
    tested = [pair.p for pair in found if pair.p is not None]
    corrected = iter(holm(tested))
    heard_second = clustered_mean(ratings["later"], ratings["rater"], ratings["prompt"])
    return Preferences(
        scale,
        tuple(pair if pair.p is None else replace(pair, p_holm=float(next(corrected))) for pair in found),
        heard_second,
    )


def _preference(first: str, second: str, rows: pd.DataFrame) -> Preference:
    towards = rows["value"].to_numpy()
    mean = clustered_mean(towards, rows["rater"], rows["prompt"])
    p = None
    if mean.standard_error:
        p = float(2 * stats.t.sf(abs(mean.value) / mean.standard_error, mean.df))
    shares = (float(np.mean(towards < 0)), float(np.mean(towards == 0)), float(np.mean(towards > 0)))
    return Preference(first, second, mean, shares, p)
