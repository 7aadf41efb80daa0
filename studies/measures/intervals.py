"""Means with 95 % intervals by a bootstrap over clusters: clips of one speaker are not independent.

C clusters, R resamples. A measure is a ratio of sums, such as edits over characters or squared error over frames,
so that long and short clips weigh as they should and no mean of means is taken.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from undertone.engine.config import Config

LEVEL = 0.95
RESAMPLES = 4000
Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Estimate(Config):
    """A number, the interval that its true value lies in at 95 % confidence, and what it was computed from."""

    value: float
    low: float
    high: float
    count: int  # of what the sum was divided by: frames, characters, words, clips ...
    clips: int  # that gave something to measure
    clusters: int  # that were resampled


@dataclass(frozen=True)
class ShareEstimate:
    """What one clip adds to the ratio that a measure is."""

    total: float
    count: float


def estimate(
    shares: Sequence[ShareEstimate], clusters: Sequence[Hashable], curve: Curve | None = None
) -> Estimate | None:
    """Return the ratio of sums with its interval.

    Args:
        shares: one for each clip.
        clusters: what each clip belongs to, for example its speaker; whole clusters are drawn with replacement.
        curve: applied to the ratio, for example a square root.
    Returns:
        None where nothing was counted.
    """
    used = [(share, cluster) for share, cluster in zip(shares, clusters, strict=True) if share.count > 0]
    if not used:
        return None
    sums = _sums_by_cluster([(share.total, share.count) for share, _ in used], [cluster for _, cluster in used])

    def ratio(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        values = drawn[:, 0] / drawn[:, 1]
        return curve(values) if curve else values

    low, value, high = interval(sums, ratio)
    return Estimate(
        value=value,
        low=low,
        high=high,
        count=round(sum(share.count for share, _ in used)),
        clips=len(used),
        clusters=len(sums),
    )


def interval(
    sums: NDArray[np.float64], statistic: Curve, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """Return (low, value, high) of a statistic of column sums.

    The percentiles are moved outwards as a t interval is wider than a normal one: plain percentiles of few clusters
    are too narrow (Hesterberg, "What teachers should know about the bootstrap", arXiv 1411.5279, section 4.1).

    Args:
        sums: what each cluster adds, [C, columns].
        statistic: of summed columns, [R, columns] to [R].
    """
    return interval_and_p(sums, statistic, resamples, seed)[:3]


def interval_and_p(
    sums: NDArray[np.float64], statistic: Curve, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float, float, float]:
    """Return what `interval` does, and the two-sided p-value that the statistic is 0, from the same draws.

    p is twice the share of draws on the other side of 0, the statistic itself counted as one of them; 1 of one cluster.
    """
    num_clusters = len(sums)
    value = float(statistic(sums.sum(0, keepdims=True))[0])
    if num_clusters < 2:
        return value, value, value, 1.0
    random = np.random.default_rng(seed)
    times_drawn = random.multinomial(num_clusters, np.full(num_clusters, 1 / num_clusters), size=resamples)
    values = statistic(times_drawn @ sums)
    values = values[np.isfinite(values)]
    from scipy.stats import t as student_t  # seconds to load, and a page that shows intervals computes none

    widening = np.sqrt(num_clusters / (num_clusters - 1)) * student_t.ppf((1 - LEVEL) / 2, num_clusters - 1)
    tail = NormalDist().cdf(float(widening))
    low, high = np.quantile(values, [tail, 1 - tail])
    beyond = min(int((values <= 0).sum()), int((values >= 0).sum()))
    return float(low), value, float(high), min(1.0, 2 * (beyond + 1) / (len(values) + 1))


def _sums_by_cluster(
    rows: Sequence[Sequence[float]], clusters: Sequence[Hashable]
) -> NDArray[np.float64]:  # [C, columns], clusters in order of appearance
    number = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(number), len(rows[0])))
    np.add.at(sums, [number[cluster] for cluster in clusters], np.asarray(rows, dtype=np.float64))
    return sums
