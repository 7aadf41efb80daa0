"""Degrees of freedom of a variance that is clustered two ways, after Satterthwaite (1946).

The variance of a difference is V = V0 + (Vr - V0) + (Vp - V0): what independent ratings would leave, and what ratings
of one rater and of one prompt share beyond it. Each part is known from its own number of clusters, and the degrees of
freedom of the sum are V^2 / sum(part^2 / degrees of the part). G raters (or prompts) with shares a_g of the unclustered
variance count as (sum a_g)^2 / sum(a_g^2) equal ones (Carter, Schnepel and Steigerwald, 2017), so that a difference
that rests on a few shared prompts has few degrees of freedom however many prompts the study has.

For a mean the clusters themselves say how well a variance is known. With V = sum(s_g^2) of G sums of residuals, Var(V)
is estimated by sum(s_g^4) - V^2 / G, and the degrees of freedom are 2 V^2 / Var(V): G of them where the sums are
normal, two where one rater alone makes the variance, as near the end of a scale, where most raters have nothing to take
off.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
# Share of V0 that is added to an excess in the denominator: the excess is a difference of two estimates and varies more
# than its size says. 0 lets equal systems be called different in up to 9 % of simulated studies, 1 gives intervals that
# hold the truth in more than 97 % of a fifth of the designs (`undertone study simulate --grid`).
UNCERTAIN = 0.9
FEW = 4.0  # degrees of freedom below which the smaller side decides alone


def effective_clusters(weights: Array, groups: NDArray[np.int64]) -> Array:
    """Return how many equal clusters carry as much as these do, [C].

    Args:
        weights: [C, N] of each rating in each contrast.
        groups: [N] number of the rater or prompt of each rating.
    """
    shares = np.stack([np.bincount(groups, weights=row**2) for row in weights])
    total = shares.sum(1)
    counted = np.asarray((shares**2).sum(1))
    return np.divide(total**2, counted, out=np.zeros_like(total), where=counted > 0)


def mean_degrees(unclustered: ArrayLike, by_cluster: Sequence[ArrayLike], sums: Sequence[Array]) -> Array:
    """Return the degrees of freedom [B] of a mean's floored two-way clustered variance.

    They are those of the side that is known worst, raters or prompts, where it adds to the unclustered variance; at
    most the smaller number of clusters less one.

    Args:
        unclustered: [B] variance as if no two ratings shared anything.
        by_cluster: [B] variance clustered by rater and by prompt.
        sums: [B, G] residuals summed over each rater and over each prompt.
    """
    base = np.asarray(unclustered, dtype=np.float64)
    limit = min(own.shape[1] for own in sums) - 1.0
    df = np.full(base.shape, limit)
    for variance, own in zip(by_cluster, sums, strict=True):
        adds = np.asarray(variance, dtype=np.float64) > base
        df = np.where(adds, np.minimum(df, fourth_moment_degrees(own)), df)
    return df


def fourth_moment_degrees(sums: Array) -> Array:
    """Return the degrees of freedom [B] of sums of squares, from the fourth moments of what is squared, [B, G]."""
    squares = sums**2
    total = squares.sum(1)
    shares = np.divide(squares, total[:, None], out=np.zeros_like(squares), where=total[:, None] > 0)
    spread = (shares**2).sum(1) - 1 / sums.shape[1]
    # Not fewer than two, which one cluster among very many has: t's variance is no more defined there anyway.
    return np.asarray(np.maximum(2 / np.maximum(spread, 1e-12), 2.0), dtype=np.float64)


def satterthwaite(
    unclustered: ArrayLike,
    by_cluster: Sequence[ArrayLike],
    effective: Sequence[ArrayLike],
    clusters: Sequence[int],
    residual_df: float,
) -> Array:
    """Return the degrees of freedom of the floored two-way clustered variance.

    Where a contrast rests on less than half of its raters or prompts, or on fewer than five of them, the variance of
    that side is too uncertain to be outweighed by the other: the smaller number of clusters less one is the limit.

    Args:
        unclustered: variance as if no two ratings shared anything, V0.
        by_cluster: variance clustered by rater and by prompt, Vr and Vp.
        effective: of `effective_clusters`, of raters and of prompts.
        clusters: number of raters and of prompts.
        residual_df: ratings less parameters of the fit.
    """
    base = np.asarray(unclustered, dtype=np.float64)
    parts = base**2 / residual_df
    total = base.copy()
    limits = [np.maximum(np.asarray(number, dtype=np.float64) - 1, 1e-6) for number in effective]
    for variance, limit in zip(by_cluster, limits, strict=True):
        excess = np.asarray(variance, dtype=np.float64) - base
        total = total + excess
        parts = parts + np.where(excess > 0, (np.maximum(excess, 0) + UNCERTAIN * base) ** 2 / limit, 0.0)
    total = np.maximum(total, base)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.minimum(total**2 / parts, residual_df)
    smaller = np.minimum(*limits)
    thin = smaller < FEW
    for limit, number in zip(limits, clusters, strict=True):
        thin = thin | (limit < (number - 1) / 2)
    return np.asarray(np.where(thin, np.minimum(df, smaller), df), dtype=np.float64)
