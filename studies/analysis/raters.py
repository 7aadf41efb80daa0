"""Each rater beside the others: how harsh, how steady, how far he agrees with them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertone.studies.analysis.ratings_frame import select

STRAIGHT_LINE = 0.1  # variance of a session's ratings below which P.808 calls it suspicious


@dataclass(frozen=True)
class Rater:
    """One rater on one scale; numbers that others are needed for are None where nobody shared a clip.

    Attributes:
        bias: mean of own rating less the mean of the others on the same clip.
        inconsistency: standard deviation of that difference about the bias.
        agreement: Pearson's correlation of own ratings with the others' means, himself left out.
        mean_of_shared: mean of own ratings of clips that others rated too.
        compared: ratings that others gave too.
        straight_line: own ratings vary less than 0.1; a hint to look, not a reason to drop him.
    """

    rater: str
    ratings: int
    mean: float
    variance: float
    values_used: int
    bias: float | None
    inconsistency: float | None
    agreement: float | None
    compared: int
    accepted: bool | None
    device: str
    straight_line: bool
    mean_of_shared: float | None = None


def rater_table(frame: pd.DataFrame, scale: str, screened: bool = False) -> tuple[Rater, ...]:
    """Return every rater, the least agreeing first; unscreened by default, as the table is for finding whom to look at.

    Raises:
        AnalysisError: there is nothing on the scale.
    """
    ratings = select(frame, scale, screened)
    clip = ratings.groupby("stimulus")["value"]
    num_others = clip.transform("size") - 1
    others = (clip.transform("sum") - ratings["value"]) / num_others.where(num_others > 0)
    ratings = ratings.assign(others=others)
    rows = [_rater(str(name), own) for name, own in ratings.groupby("rater")]
    return tuple(sorted(rows, key=lambda row: (row.agreement is None, row.agreement or 0.0, row.rater)))


def _rater(name: str, own: pd.DataFrame) -> Rater:
    values, others = own["value"].to_numpy(np.float64), own["others"].to_numpy(np.float64)
    is_shared = ~np.isnan(others)
    shared, others = values[is_shared], others[is_shared]
    gap = shared - others
    variance = float(values.var())
    accepted = own["accepted"].iloc[-1]
    return Rater(
        rater=name,
        ratings=len(own),
        mean=float(values.mean()),
        variance=variance,
        values_used=len(np.unique(values)),
        bias=float(gap.mean()) if len(gap) else None,
        inconsistency=float(gap.std(ddof=1)) if len(gap) > 1 else None,
        agreement=_correlation(shared, others),
        compared=len(shared),
        accepted=None if accepted is None or pd.isna(accepted) else bool(accepted),
        device=str(own["device"].iloc[-1]),
        mean_of_shared=float(shared.mean()) if len(gap) else None,
        straight_line=len(own) > 1 and variance < STRAIGHT_LINE,
    )


def _correlation(own: np.ndarray, others: np.ndarray) -> float | None:
    """Return the correlation; None for fewer than three shared clips or where one side does not vary."""
    if len(own) < 3 or min(np.ptp(own), np.ptp(others)) < 1e-12:
        return None
    return float(np.corrcoef(own, others)[0, 1])
