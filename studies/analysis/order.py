"""Whether the place in the session matters: raters may tire, or grow harsher or milder, as they go on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from undertone.studies.analysis.clustered import Mean, clustered_mean
from undertone.studies.analysis.ratings_frame import select, systems_of


@dataclass(frozen=True)
class OrderEffect:
    """The change of ratings from the first half of a session to the second, and how places were shared out.

    Attributes:
        change: second half less first half within raters, systems taken away first; over raters.
        spread: residual standard deviation in the first and in the second half: a rise hints at fatigue.
        p: of no change, two-sided.
        mean_places: mean place of each system in the session, 0 first and 1 last; equal where the order is balanced.
    """

    change: Mean
    spread: tuple[float, float]
    p: float | None
    mean_places: dict[str, float]


def order_effect(frame: pd.DataFrame, scale: str, screened: bool = True) -> OrderEffect | None:
    """Return the effect of the place in the session; None where places are unknown or sessions have a single clip.

    Raises:
        AnalysisError: there is nothing on the scale.
    """
    ratings = select(frame, scale, screened)
    position = pd.to_numeric(ratings["position"], errors="coerce")
    ratings = ratings[position.notna().to_numpy()].assign(position=position.dropna())
    if ratings.empty:
        return None
    last = ratings.groupby("session")["position"].transform("max")
    place = (ratings["position"] / last.where(last > 0)).to_numpy()
    known = np.isfinite(place)
    ratings, place = ratings[known], place[known]
    if not len(ratings):
        return None
    second = ratings.groupby("session")["position"].rank(method="first").to_numpy() > (
        ratings.groupby("session")["position"].transform("size").to_numpy() / 2
    )
    if second.all() or not second.any():
        return None
    rest = (ratings["value"] - ratings.groupby("system")["value"].transform("mean")).to_numpy()
    halves = [pd.Series(rest[half]).groupby(ratings["rater"].to_numpy()[half]).mean() for half in (~second, second)]
    gaps = (halves[1] - halves[0]).dropna()
    # One number for each rater: each is a cluster of its own on both sides.
    change = clustered_mean(gaps.to_numpy(), gaps.index.to_numpy(), gaps.index.to_numpy()) if len(gaps) else None
    if change is None:
        return None
    p = None
    if change.standard_error:
        p = float(2 * stats.t.sf(abs(change.value) / change.standard_error, change.df))
    places = {name: float(place[(ratings["system"] == name).to_numpy()].mean()) for name in systems_of(ratings)}
    return OrderEffect(change, (float(rest[~second].std()), float(rest[second].std())), p, places)
