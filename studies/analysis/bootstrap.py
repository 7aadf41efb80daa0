"""A check that assumes no variance formula: resample raters and prompts, both with replacement.

B resamples, R raters, P prompts. A rating counts as often as its rater times its prompt was drawn (Owen, 2007).
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.ratings_frame import codes, select, systems_of

RESAMPLES = 4000


@dataclass(frozen=True)
class Percentiles:
    """Of one number over the resamples; `resamples` is how many of them had ratings to average."""

    name: str
    value: float
    low: float | None
    high: float | None
    resamples: int
    note: str = ""


@dataclass(frozen=True)
class Bootstrap:
    """Percentile intervals of means and differences on one scale."""

    scale: str
    seed: int
    resamples: int
    means: tuple[Percentiles, ...]
    differences: tuple[Percentiles, ...]  # "first - second"


def two_way_bootstrap(
    frame: pd.DataFrame, scale: str, screened: bool = True, resamples: int = RESAMPLES, seed: int = 0
) -> Bootstrap:
    """Return percentile intervals of each system's mean and of each difference.

    Raises:
        AnalysisError: there is nothing to resample; the text says why.
    """
    ratings = select(frame, scale, screened)
    names = systems_of(ratings)
    raters, prompts = codes(ratings["rater"]), codes(ratings["prompt"])
    random = np.random.default_rng(seed)
    drawn = [_times_drawn(random, int(ids.max()) + 1, resamples) for ids in (raters, prompts)]
    if min(weights.shape[1] for weights in drawn) < 2:
        note = "only one rater or one prompt: resampling it changes nothing"
        bare = ratings.groupby("system")["value"].mean()
        means = tuple(Percentiles(name, float(bare[name]), None, None, 0, note) for name in names)
        return Bootstrap(scale, seed, 0, means, ())
    y, system = ratings["value"].to_numpy(), np.searchsorted(names, ratings["system"].astype(str))
    values = {}
    for number, name in enumerate(names):
        chosen = system == number
        values[name] = resampled_means(y[chosen], raters[chosen], prompts[chosen], *drawn)
    truth = {name: float(y[system == number].mean()) for number, name in enumerate(names)}
    means = tuple(_percentiles(name, truth[name], values[name]) for name in names)
    differences = tuple(
        _percentiles(f"{a} - {b}", truth[a] - truth[b], values[a] - values[b]) for a, b in combinations(names, 2)
    )
    return Bootstrap(scale, seed, resamples, means, differences)


def resampled_means(
    y: NDArray[np.float64],
    raters: NDArray[np.int64],
    prompts: NDArray[np.int64],
    rater_weights: NDArray[np.float64],
    prompt_weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the means [B] of one system's ratings; NaN where a resample has none.

    Args:
        y: [N] ratings.
        raters: [N] numbers.
        prompts: [N] numbers.
        rater_weights: [B, R] times drawn.
        prompt_weights: [B, P] times drawn.
    """
    sums = np.zeros((rater_weights.shape[1], prompt_weights.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, (raters, prompts), y)
    np.add.at(counts, (raters, prompts), 1.0)
    total = ((rater_weights @ sums) * prompt_weights).sum(1)
    weight = ((rater_weights @ counts) * prompt_weights).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: NDArray[np.float64] = total / weight
    return means


def _times_drawn(random: np.random.Generator, number: int, resamples: int) -> NDArray[np.float64]:
    return random.multinomial(number, np.full(number, 1 / number), size=resamples).astype(np.float64)


def _percentiles(name: str, value: float, resampled: NDArray[np.float64]) -> Percentiles:
    finite = resampled[np.isfinite(resampled)]
    if len(finite) < len(resampled) / 2:
        return Percentiles(name, value, None, None, len(finite), "most resamples have no rating of it")
    if np.ptp(finite) < 1e-12:
        return Percentiles(name, value, None, None, len(finite), "every resample gives the same: nothing varies")
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Percentiles(name, value, float(low), float(high), len(finite))
