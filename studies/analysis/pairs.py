"""Which systems differ: every pair on one scale, within raters and within prompts, in families of tests.

The fit is `value ~ system + rater + prompt` with two-way (rater, prompt) cluster-robust variance. A rater who is harsh
or a prompt that is hard cancels, also where some systems met more of them. Plain `value ~ system` with the same
variance called four equal systems different in 7 to 17 % of simulated studies with 12 to 30 raters, this fit with its
floor in 1 to 6 % (`undertone study simulate --grid`). A system that shares no prompt (or no rater) with
the rest is compared between means, and only its own pairs are.

Holm's correction runs within a family. Contrasts that the study file declares before the study opens are the primary
family, and all other pairs are explored in a second one. Without a declaration the pairs of systems are one family, and
pairs with ground truth or anchor another: nobody asks whether the anchor differs, and asking costs power.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.sparse import csr_array, hstack
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import lsmr

from undertone.studies.analysis.clustered import LEVEL, Mean, differs
from undertone.studies.analysis.degrees import effective_clusters, satterthwaite
from undertone.studies.analysis.ratings_frame import codes, select, systems_of
from undertone.studies.measures.holm import holm

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
WITHIN = "within raters and prompts"
BETWEEN = "between means"
NOTHING = 1e-20  # a variance that is rounding
CONSTANT = "the ratings do not vary: the interval cannot be told"
PRIMARY = "primary"  # declared before the study opened
EXPLORED = "explored"  # the others of a study with declared contrasts
SYSTEMS = "systems"  # pairs of systems, nothing being declared
REFERENCES = "references"  # pairs with ground truth or anchor, nothing being declared


@dataclass(frozen=True)
class SystemDifference:
    """First system less second; `low` and `high` are None where `note` says why there is no interval.

    Attributes:
        value: within raters and prompts where `method` says so.
        raw: the difference of the two means of the table of scores.
        df: degrees of freedom of t, after Satterthwaite.
        t: value / standard error.
        p: two-sided, for this pair alone.
        family: tests that are corrected together.
        p_holm: corrected for all pairs of the family.
        low_adjusted: of the interval that goes with `p_holm`: at the level of Bonferroni's correction over the family,
            so that all intervals of the family hold the truth together in 95 % of studies.
    """

    first: str
    second: str
    value: float
    raw: float
    df: float
    shared_raters: int
    shared_prompts: int
    method: str
    family: str = SYSTEMS
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    t: float | None = None
    p: float | None = None
    p_holm: float | None = None
    low_adjusted: float | None = None
    high_adjusted: float | None = None
    note: str = ""

    @property
    def different(self) -> bool | None:
        """Return whether the pair differs at 5 % over all pairs of its family; None where the data cannot say."""
        return differs(self.p_holm)


@dataclass(frozen=True)
class Comparison:
    """Every pair of systems on one scale."""

    scale: str
    screened: bool
    method: str
    pairs: tuple[SystemDifference, ...]
    note: str = ""

    @property
    def families(self) -> tuple[str, ...]:
        """Return the families that have pairs, the one to read first before the others."""
        return tuple(dict.fromkeys(pair.family for pair in self.pairs))


@dataclass(frozen=True)
class PairFit:
    """One fitted difference: its value, its floored variance (0 where there is none) and its degrees of freedom."""

    value: float
    variance: float
    df: float
    method: str


def compare(
    frame: pd.DataFrame,
    scale: str,
    screened: bool = True,
    roles: Mapping[str, str] | None = None,
    primary: Collection[tuple[str, str]] = (),
) -> Comparison:
    """Compare all pairs of systems that were rated on a scale.

    Args:
        frame: a row for each rating.
        scale: its name.
        screened: only accepted sessions.
        roles: of the systems: "system", "ground_truth" or "low_anchor"; all are systems where None.
        primary: pairs that were declared before the study opened, in either order.
    Raises:
        AnalysisError: there is nothing to compare; the text says why.
    """
    ratings = select(frame, scale, screened)
    names = systems_of(ratings)
    if len(names) < 2:
        return Comparison(scale, screened, WITHIN, (), f"only {names[0]!r} was rated: there is no pair to compare")
    system = np.searchsorted(names, ratings["system"].astype(str))
    groups = np.stack([codes(ratings["rater"]), codes(ratings["prompt"])], axis=1)
    y = ratings["value"].to_numpy()
    ordered = _ordered(names, primary)
    fits = fit_pairs(y, system, groups, ordered)
    found = [_difference(names, *pair, y, system, groups, fits[pair]) for pair in ordered]
    families = [_family(names[a], names[b], roles or {}, primary) for a, b in ordered]
    pairs = with_holm([replace(pair, family=family) for pair, family in zip(found, families, strict=True)])
    rank = {PRIMARY: 0, SYSTEMS: 0, EXPLORED: 1, REFERENCES: 1}
    methods = {pair.method for pair in pairs}
    method = f"{WITHIN}, {BETWEEN} where two systems share too little" if len(methods) > 1 else methods.pop()
    return Comparison(scale, screened, method, tuple(sorted(pairs, key=lambda pair: rank[pair.family])))


def fit_pairs(
    y: Array, system: Numbers, groups: Numbers, pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], PairFit]:
    """Return the difference of each pair of systems with its two-way cluster-robust variance, floored as for a mean.

    Args:
        y: [N] ratings.
        system: [N] numbers from 0.
        groups: [N, 2] numbers of rater and prompt.
        pairs: numbers of the first and the second system.
    """
    num_systems = int(system.max()) + 1
    if min(len(np.unique(column)) for column in groups.T) < 2 or len(y) <= num_systems:
        return {(a, b): PairFit(_gap(y, system, a, b), 0.0, 0.0, BETWEEN) for a, b in pairs}
    dummies = np.eye(num_systems)[system]
    within = residualise(np.column_stack([y, dummies]), groups)
    y_within, x = within[:, 0], within[:, 1:]
    left_vectors, singular, right_vectors = np.linalg.svd(x, full_matrices=False)
    told = singular > 1e-6 * np.sqrt(len(y))  # the rest is rounding: explained by raters and prompts
    solve = (right_vectors[told].T / singular[told]) @ left_vectors[:, told].T
    rank = int(told.sum())
    left = len(y) - rank - num_effects(groups)  # ratings less parameters
    wanted = np.zeros((len(pairs), num_systems))
    for row, (a, b) in enumerate(pairs):
        wanted[row, a], wanted[row, b] = 1.0, -1.0
    estimable = np.abs(wanted @ (solve @ x) - wanted).max(1) < 1e-6
    found = {}
    if left > 0 and estimable.any():
        chosen = [pair for pair, can in zip(pairs, estimable, strict=True) if can]
        residuals = y_within - x @ (solve @ y_within)
        fits = _clustered_fits(wanted[estimable] @ solve, y_within, residuals, groups, len(y) - left, WITHIN)
        found = dict(zip(chosen, fits, strict=True))
    for a, b in pairs:
        if (a, b) not in found:  # raters or prompts belong to one of the two: nothing cancels
            found[a, b] = _between(y, system, groups, a, b)
    return found


def clustered_covariance(y: Array, system: Numbers, groups: Numbers) -> tuple[Array, Array, float] | None:
    """Return the differences of all systems from the first, their covariance, and its degrees of freedom.

    Each side's excess over the unclustered covariance enters with its positive part, so that the sum is a covariance.

    Args:
        y: [N] ratings.
        system: [N] numbers from 0.
        groups: [N, 2] numbers of rater and prompt.
    Returns:
        [S - 1], [S - 1, S - 1] and the least degrees of freedom of the differences; None where they cannot be told.
    """
    num_systems = int(system.max()) + 1
    pairs = [(one, 0) for one in range(1, num_systems)]
    if min(len(np.unique(column)) for column in groups.T) < 2 or len(y) <= num_systems:
        return None
    within = residualise(np.column_stack([y, np.eye(num_systems)[system][:, 1:]]), groups)
    y_within, x = within[:, 0], within[:, 1:]
    left = len(y) - x.shape[1] - num_effects(groups)
    if left <= 0 or np.linalg.matrix_rank(x, tol=1e-6 * np.sqrt(len(y))) < x.shape[1]:
        return None
    solve = np.linalg.pinv(x)
    values = solve @ y_within
    scores = solve * (y_within - x @ values)
    unclustered = scores @ scores.T * len(y) / left
    covariance = unclustered.copy()
    for column in groups.T:
        size = int(column.max()) + 1
        sums = np.stack([np.bincount(column, weights=row, minlength=size) for row in scores])
        excess = sums @ sums.T * size / (size - 1) * (len(y) - 1) / left - unclustered
        roots, vectors = np.linalg.eigh(excess)
        covariance += (vectors * np.maximum(roots, 0.0)) @ vectors.T
    fits = fit_pairs(y, system, groups, pairs)
    return values, covariance, min(fit.df for fit in fits.values())


def num_effects(groups: Numbers) -> int:
    """Free parameters of rater and prompt effects: one less than both for each set that no rating links to another."""
    num_raters, num_prompts = (int(column.max()) + 1 for column in groups.T)
    links = (np.ones(len(groups)), (groups[:, 0], num_raters + groups[:, 1]))
    graph = csr_array(links, shape=(num_raters + num_prompts, num_raters + num_prompts))
    return num_raters + num_prompts - int(connected_components(graph, directed=False)[0])


def residualise(columns: Array, groups: Numbers) -> Array:
    """Return columns less what rater and prompt effects explain of them (Frisch, Waugh and Lovell)."""
    rows = np.arange(len(columns))
    ones = np.ones(len(columns))
    dummies = hstack([csr_array((ones, (rows, column))) for column in groups.T], format="csr")
    explained = [lsmr(dummies, column, atol=1e-14, btol=1e-14, maxiter=10_000)[0] for column in columns.T]
    return columns - dummies @ np.stack(explained, axis=1)


def with_holm(pairs: Sequence[SystemDifference]) -> list[SystemDifference]:
    """Return the pairs with p corrected and intervals widened within each family."""
    found = list(pairs)
    for family in {pair.family for pair in pairs}:
        tested = {n: pair.p for n, pair in enumerate(pairs) if pair.family == family and pair.p is not None}
        if not tested:
            continue
        for number, p_holm in zip(tested, holm(list(tested.values())), strict=True):
            pair = pairs[number]
            assert pair.standard_error is not None
            quantile = float(stats.t.ppf(1 - (1 - LEVEL) / (2 * len(tested)), pair.df))
            reach = quantile * pair.standard_error
            found[number] = replace(
                pair, p_holm=float(p_holm), low_adjusted=pair.value - reach, high_adjusted=pair.value + reach
            )
    return found


def _ordered(names: list[str], primary: Collection[tuple[str, str]]) -> list[tuple[int, int]]:
    """Return all pairs by number, a declared one in the order in which it was declared."""
    pairs = list(combinations(range(len(names)), 2))
    for first, second in primary:
        if first not in names or second not in names:
            continue  # not rated yet
        a, b = names.index(first), names.index(second)
        if (b, a) in pairs:
            pairs[pairs.index((b, a))] = (a, b)
    return pairs


def _family(first: str, second: str, roles: Mapping[str, str], primary: Collection[tuple[str, str]]) -> str:
    if primary:
        return PRIMARY if (first, second) in primary or (second, first) in primary else EXPLORED
    both = all(roles.get(name, "system") == "system" for name in (first, second))
    return SYSTEMS if both else REFERENCES


def _clustered_fits(
    weights: Array, y: Array, residuals: Array, groups: Numbers, parameters: int, method: str
) -> list[PairFit]:
    """Return the fits of contrasts `weights` [C, N] of ratings, with the sandwich of their residuals [N]."""
    count = len(y)
    left = count - parameters
    scores = weights * residuals
    unclustered = (scores**2).sum(1) * count / left
    clustered, effective = [], []
    sizes = [int(column.max()) + 1 for column in groups.T]
    for column, size in zip(groups.T, sizes, strict=True):
        sums = np.stack([np.bincount(column, weights=row, minlength=size) for row in scores])
        clustered.append((sums**2).sum(1) * size / (size - 1) * (count - 1) / left)
        effective.append(effective_clusters(weights, column))
    variances = np.maximum(clustered[0] + clustered[1] - unclustered, unclustered)
    df = satterthwaite(unclustered, clustered, effective, sizes, left)
    values = weights @ y
    return [
        PairFit(float(value), float(variance), float(own_df), method)
        for value, variance, own_df in zip(values, variances, df, strict=True)
    ]


def _between(y: Array, system: Numbers, groups: Numbers, first: int, second: int) -> PairFit:
    """Return the difference of two means; its degrees of freedom are the smaller number of clusters less one."""
    chosen = (system == first) | (system == second)
    own = np.stack([np.unique(column[chosen], return_inverse=True)[1] for column in groups.T], axis=1)
    values, of_first = y[chosen], system[chosen] == first
    sizes = np.array([(~of_first).sum(), of_first.sum()])
    gap = _gap(y, system, first, second)
    if min(int(column.max()) for column in own.T) < 1 or len(values) < 3:
        return PairFit(gap, 0.0, 0.0, BETWEEN)
    signs = np.where(of_first, 1.0, -1.0)
    means = np.array([values[~of_first].mean(), values[of_first].mean()])
    residuals = values - means[of_first.astype(int)]
    weights = (signs / sizes[of_first.astype(int)])[None]
    fit = _clustered_fits(weights, values, residuals, own, 2, BETWEEN)[0]
    return replace(fit, value=gap, df=min(fit.df, _smallest(system, groups, first, second)))


def _gap(y: Array, system: Numbers, first: int, second: int) -> float:
    return float(y[system == first].mean() - y[system == second].mean())


def _smallest(system: Numbers, groups: Numbers, first: int, second: int) -> float:
    """Return the smallest number of raters or prompts of one of the two systems, less one."""
    return min(len(np.unique(column[system == one])) for column in groups.T for one in (first, second)) - 1.0


def _difference(
    names: list[str], first: int, second: int, y: Array, system: Numbers, groups: Numbers, fit: PairFit
) -> SystemDifference:
    raters, prompts = (tuple(set(column[system == s].tolist()) for s in (first, second)) for column in groups.T)
    bare = SystemDifference(
        first=names[first],
        second=names[second],
        value=fit.value,
        raw=_gap(y, system, first, second),
        df=fit.df,
        shared_raters=len(raters[0] & raters[1]),
        shared_prompts=len(prompts[0] & prompts[1]),
        method=fit.method,
    )
    if _smallest(system, groups, first, second) < 1:
        return replace(bare, note="one of the two was heard by one rater or on one prompt: others may differ")
    if fit.variance > NOTHING and fit.df < 1:
        return replace(bare, note="the two share too few raters or prompts: the interval cannot be told")
    if fit.variance <= NOTHING:
        return replace(bare, note=CONSTANT)
    error = float(np.sqrt(fit.variance))
    half_width = float(stats.t.ppf((1 + LEVEL) / 2, fit.df)) * error
    p = float(2 * stats.t.sf(abs(fit.value) / error, fit.df))
    return replace(
        bare,
        low=fit.value - half_width,
        high=fit.value + half_width,
        standard_error=error,
        t=fit.value / error,
        p=p,
    )


def adjusted_means(comparison: Comparison, means: Mapping[str, Mean]) -> dict[str, float]:
    """Return each system's mean as if all had met the same raters and prompts: the systems' part of the fit.

    Args:
        comparison: every pair of the systems, in any order.
        means: by system, as they are.
    Returns:
        By system; empty where a pair could not be compared within raters and prompts.
    """
    names = list(means)
    gaps = {(pair.first, pair.second): pair.value for pair in comparison.pairs if pair.method == WITHIN}
    gaps |= {(second, first): -value for (first, second), value in gaps.items()}
    if len(names) < 2 or any((name, names[0]) not in gaps for name in names[1:]):
        return {}
    effects = {name: gaps.get((name, names[0]), 0.0) for name in names}
    total = sum(mean.num_ratings for mean in means.values())
    level = sum((means[name].value - effects[name]) * means[name].num_ratings for name in names) / total
    return {name: level + effects[name] for name in names}
