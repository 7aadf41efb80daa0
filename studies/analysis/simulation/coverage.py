"""How often the reported intervals hold the truth, counted on simulated studies: `undertone study simulate`.

B studies, N ratings, S systems, C contrasts. The formulas here are those of `clustered` and `pairs` for many studies
of one layout at once; a test holds them to the statsmodels fits of the reported numbers within 1e-8.

Measured with 1000 studies for each cell of the grid by `undertone study simulate --grid --studies 1000`
(11 designs of 2 to 5 systems, 12 to 100 prompts and 8 to 112 raters, one with 30 % of the ratings missing; six sets of
variance components; a Monte-Carlo error of at most 0.7 points). Least and most over the designs, in percent:

| true score | means hold | without the logit | 1.96 sd / sqrt(n) | differences hold | equal called different |
|---|---|---|---|---|---|
| 1.40 | 93.8 to 97.4 | 89.5 to 95.5 | 56.6 to 91.3 | 94.6 to 98.7 | 0.9 to 4.8 |
| 3.30 | 94.0 to 97.0 | 93.6 to 96.5 | 54.8 to 91.0 | 93.6 to 97.9 | 1.2 to 6.5 |
| 4.69 | 94.1 to 97.9 | 88.1 to 95.4 | 58.2 to 92.5 | 94.6 to 99.4 | 0.6 to 5.0 |
| 4.86 | 94.0 to 98.6 | 81.7 to 94.7 | 60.2 to 90.9 | 95.4 to 99.1 | 0.0 to 4.4 |

Outside of 93 to 97.5 % lie, all too wide, which costs power only: means at 4.86 with 8 or 12 raters (18 cells, up to
98.6) and one at 4.69; differences where systems, raters and prompts do not interact at all, as the variance then sits
on its floor, and near the ceiling with 8 to 12 raters (up to 99.4).

Means alone, `undertone study simulate --means --studies 4000` (least and most over the six sets of components; the most
that missed on a side; percent):

| true score | raters | intervals hold | lie below | lie above | half-width |
|---|---|---|---|---|---|
| 1.40 | 8 | 95.5 to 97.3 | 2.8 | 2.0 | 0.30 to 0.46 |
| 1.40 | 15 | 95.0 to 95.4 | 3.0 | 2.3 | 0.15 to 0.29 |
| 1.40 | 30 | 94.5 to 95.4 | 2.9 | 2.6 | 0.16 to 0.21 |
| 3.30 | 8 | 95.6 to 96.6 | 2.3 | 2.1 | 0.44 to 0.66 |
| 3.30 | 15 | 95.2 to 95.6 | 2.4 | 2.4 | 0.24 to 0.45 |
| 3.30 | 30 | 94.8 to 95.4 | 2.7 | 2.6 | 0.26 to 0.33 |
| 4.69 | 8 | 95.9 to 97.4 | 2.0 | 2.3 | 0.27 to 0.43 |
| 4.69 | 15 | 94.5 to 95.7 | 2.1 | 3.7 | 0.13 to 0.26 |
| 4.69 | 30 | 94.6 to 95.6 | 2.3 | 3.2 | 0.14 to 0.18 |
| 4.86 | 8 | 98.2 to 98.3 | 1.9 | 0.0 | 0.24 to 0.38 |
| 4.86 | 15 | 93.9 to 96.0 | 2.0 | 4.4 | 0.09 to 0.21 |
| 4.86 | 30 | 94.8 to 95.8 | 2.0 | 3.1 | 0.10 to 0.14 |

Near the ceiling misses are of studies that happen to lack the few raters who are not content: their mean is too high
and their variance too small. The logit alone, with min(raters, prompts) - 1 degrees of freedom, held 90.7 % at 4.86
with 15 raters who differ much; the degrees of freedom of the clusters' own fourth moments (`degrees.mean_degrees`)
bring that to 94.0; intervals at 4.86 are 1.14 times as wide with them (1.35 at most), at 3.30 1.00 times. Others were
tried and left: the score interval (Wilson), Jeffreys's and Korn and Graubard's beta interval with an effective number
of ratings (87.8 to 90.8 there), a wild bootstrap-t over raters on the logit (64.7), and a jackknife over raters and
prompts on the logit (after MacKinnon, Nielsen and Webb, arXiv 2406.00650), which holds too, but with intervals 1.40
times as wide at 4.86 and up to 2.8 times with 8 raters. The correction of variances and degrees of freedom for few
clusters (CR2 with those of Bell and McCaffrey, arXiv 1601.01981) is for a mean of equally many ratings of each rater
what is done here already.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.sparse import csr_array

from undertone.studies.analysis.clustered import LEVEL, interval_ends
from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.degrees import effective_clusters, mean_degrees, satterthwaite
from undertone.studies.analysis.mos import NORMAL_95
from undertone.studies.analysis.simulation.simulate import (
    HIGHEST,
    LOWEST,
    Design,
    Layout,
    allocate,
    draw_batches,
    liking_of,
    true_scores,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimates:
    """[B, C] values, standard errors, and degrees of freedom ([C] or [B, C]); limits of the scale for means."""

    values: Array
    errors: Array
    df: Array
    limits: tuple[float, float] | None = None

    @property
    def ends(self) -> tuple[Array, Array]:
        """Return both ends of the 95 % intervals, [B, C] each; NaN where there is no interval."""
        low, high = interval_ends(self.values, self.errors, stats.t.ppf((1 + LEVEL) / 2, self.df), self.limits)
        told = self.errors > 0
        return np.where(told, low, np.nan), np.where(told, high, np.nan)

    @property
    def half_widths(self) -> Array:
        """Return half the widths of the 95 % intervals."""
        low, high = self.ends
        return (high - low) / 2

    def held(self, truth: Array) -> Array:
        """Return [B] the share of a study's intervals that hold the truth, of those that it has."""
        low, high = self.ends
        inside = np.where(np.isnan(low), np.nan, (low <= truth) & (truth <= high))
        return np.nanmean(inside[~np.isnan(inside).all(1)], axis=1)

    @property
    def p(self) -> Array:
        """Return the two-sided p values of being zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(2 * stats.t.sf(np.abs(self.values) / self.errors, self.df))


@dataclass(frozen=True)
class Rate:
    """A share of studies with the standard error that the number of studies leaves."""

    value: float
    error: float


@dataclass(frozen=True)
class IntervalCoverage:
    """How often intervals held the truth and equal systems were called different.

    Attributes:
        means: intervals of mean scores that held the true score; 0.95 is wanted.
        linear_means: the same of mean +- t SE, which knows no ends of the scale.
        naive_means: the same of mean +- 1.96 sd / sqrt(n).
        differences: intervals of differences that held zero.
        called_different: studies in which Holm's test called any two of the equal systems different; at most 0.05.
        naive_called_different: the same by Welch's test on the ratings with Holm's correction.
        half_width: mean half-width of the mean scores' intervals, and the naive one.
    """

    design: Design
    components: VarianceComponents
    true_score: float
    studies: int
    means: Rate
    linear_means: Rate
    naive_means: Rate
    differences: Rate
    called_different: Rate
    naive_called_different: Rate
    half_width: float
    naive_half_width: float
    difference_half_width: float


def measure_coverage(
    design: Design, components: VarianceComponents, studies: int = 2000, liking: float = 3.3, seed: int = 0
) -> IntervalCoverage:
    """Simulate studies of equal systems and count.

    Args:
        design: who rates what.
        components: variances of the liking, before it is rounded to 1 to 5.
        studies: the error of a coverage of 0.95 is at most sqrt(0.95 * 0.05 / studies).
        liking: of every system.
        seed: of allocation and draws.
    """
    layout = allocate(design, seed)
    means = np.full(design.num_systems, liking)
    truth = true_scores(means, components)
    within = WithinFits.of(layout)
    held: dict[str, list[Array]] = {name: [] for name in ("mean", "linear", "naive", "gap", "called", "naive_called")}
    widths: dict[str, list[Array]] = {"mean": [], "naive": [], "gap": []}
    for y in draw_batches(layout, means, components, studies, seed + 1):
        scores, gaps = mean_fits(y, layout, (LOWEST, HIGHEST)), within.fit(y)
        naive_errors, welch_p = _naive(y, layout)
        held["mean"].append(scores.held(truth))
        held["linear"].append(replace(scores, limits=None).held(truth))
        held["naive"].append((np.abs(scores.values - truth) <= NORMAL_95 * naive_errors).mean(1))
        held["gap"].append(gaps.held(np.zeros(1)))
        held["called"].append(_holm_calls(gaps.p))
        held["naive_called"].append(_holm_calls(welch_p))
        widths["mean"].append(scores.half_widths.ravel())
        widths["naive"].append(NORMAL_95 * naive_errors.mean(1))
        widths["gap"].append(gaps.half_widths.ravel())
    rates = {name: _rate(np.concatenate(parts)) for name, parts in held.items()}
    size = {name: float(np.nanmean(np.concatenate(parts))) for name, parts in widths.items()}
    return IntervalCoverage(
        design, components, float(truth[0]), studies,
        rates["mean"], rates["linear"], rates["naive"], rates["gap"], rates["called"], rates["naive_called"],
        size["mean"], size["naive"], size["gap"],
    )  # fmt: skip


@dataclass(frozen=True)
class MeanCoverage:
    """How often intervals of mean scores held the true score, and on which side the others missed.

    Attributes:
        held: 0.95 is wanted.
        below: the whole interval lay below the true score.
        above: the whole interval lay above it.
        half_width: of the intervals, on average.
        told: share of systems and studies that have an interval; where all ratings are the same there is none.
    """

    held: Rate
    below: float
    above: float
    half_width: float
    told: float


def measure_mean_coverage(
    design: Design, components: VarianceComponents, studies: int = 2000, score: float = 3.3, seed: int = 0
) -> MeanCoverage:
    """Simulate studies of equal systems and count the intervals of their means alone.

    Args:
        design: who rates what.
        components: variances of the liking, before it is rounded to 1 to 5.
        studies: how many.
        score: true score of every system, within 1 to 5.
        seed: of allocation and draws.
    """
    layout = allocate(design, seed)
    means = np.full(design.num_systems, liking_of(score, components))
    batches = draw_batches(layout, means, components, studies, seed + 1)
    parts = [mean_fits(y, layout, (LOWEST, HIGHEST)).ends for y in batches]
    low, high = (np.concatenate(end) for end in zip(*parts, strict=True))
    told = ~np.isnan(low)
    inside = np.where(told, (low <= score) & (score <= high), np.nan)
    return MeanCoverage(
        held=_rate(np.nanmean(inside[told.any(1)], axis=1)),
        below=float((high < score)[told].mean()),
        above=float((low > score)[told].mean()),
        half_width=float((high - low)[told].mean()) / 2,
        told=float(told.mean()),
    )


def coverage_lines(found: IntervalCoverage) -> list[str]:
    """Return what was counted, a line for each number with its Monte-Carlo error."""
    rates = (
        ("95 % intervals of means that hold the true score", found.means),
        ("the same of mean ± 1.96 sd/√n", found.naive_means),
        ("95 % intervals of differences that hold zero", found.differences),
        ("studies that call equal systems different", found.called_different),
        ("the same by Welch's test on the ratings", found.naive_called_different),
    )
    widths = (
        ("half-width of a mean's interval", found.half_width),
        ("the same of 1.96 sd/√n", found.naive_half_width),
        ("half-width of a difference's interval", found.difference_half_width),
    )
    lines = [f"{name + ':':52} {rate.value:.1%} ± {rate.error:.1%}" for name, rate in rates]
    return [f"{found.studies} studies drawn", *lines, *(f"{name + ':':52} {width:.3f}" for name, width in widths)]


def mean_fits(y: Array, layout: Layout, limits: tuple[float, float] | None = None) -> Estimates:
    """Return mean scores of [B, N] ratings as `clustered_mean` gives them."""
    num_systems = int(layout.system.max()) + 1
    values, errors, df = [], [], []
    for system in range(num_systems):
        chosen = layout.system == system
        ratings = y[:, chosen]
        count = ratings.shape[1]
        mean = ratings.mean(1)
        residuals = ratings - mean[:, None]
        groups = [np.unique(ids[chosen], return_inverse=True)[1] for ids in (layout.rater, layout.prompt)]
        sizes = [int(column.max()) + 1 for column in groups]
        unclustered = (residuals**2).sum(1) / count**2 * count / (count - 1)
        sums = [residuals @ _indicator(column, size) for column, size in zip(groups, sizes, strict=True)]
        sides = [(own**2).sum(1) / count**2 * size / (size - 1) for own, size in zip(sums, sizes, strict=True)]
        values.append(mean)
        errors.append(np.sqrt(np.maximum(sides[0] + sides[1] - unclustered, unclustered)))
        df.append(mean_degrees(unclustered, sides, sums))
    return Estimates(np.stack(values, 1), np.stack(errors, 1), np.stack(df, 1), limits)


@dataclass(frozen=True)
class WithinFits:
    """All that differences within raters and prompts need of a layout, made once for all studies.

    Attributes:
        basis: [N, R + P - 1] orthonormal, of rater and prompt effects.
        systems: [N, S - 1] dummies of all systems but the first, less rater and prompt effects.
        solve: [S - 1, N] that gives the differences from the first system.
        weights: [C, N] of each rating in each difference.
        effective: [C] raters and prompts that each difference rests on.
    """

    layout: Layout
    basis: Array
    systems: Array
    solve: Array
    weights: Array
    effective: tuple[Array, Array]

    @classmethod
    def of(cls, layout: Layout) -> "WithinFits":
        """Return the differences of every pair of systems, first less second."""
        num_systems = int(layout.system.max()) + 1
        effects = [np.eye(int(ids.max()) + 1)[ids] for ids in (layout.rater, layout.prompt)]
        basis: Array = np.linalg.qr(np.hstack([effects[0], effects[1][:, 1:]]))[0]
        dummies = np.eye(num_systems)[layout.system][:, 1:]
        systems = dummies - basis @ (basis.T @ dummies)
        contrasts = np.array([np.eye(num_systems)[a] - np.eye(num_systems)[b] for a, b in _pairs(num_systems)])
        solve = np.asarray(np.linalg.pinv(systems), dtype=np.float64)
        weights = contrasts[:, 1:] @ solve
        effective = (effective_clusters(weights, layout.rater), effective_clusters(weights, layout.prompt))
        return cls(layout, basis, systems, solve, weights, effective)

    def fit(self, y: Array) -> Estimates:
        """Return differences of [B, N] ratings as `compare` gives them."""
        count, parameters = self.systems.shape[0], self.systems.shape[1] + self.basis.shape[1]
        values = y @ self.weights.T
        residuals = y - (y @ self.basis) @ self.basis.T
        residuals -= (residuals @ self.solve.T) @ self.systems.T
        unclustered = residuals**2 @ (self.weights**2).T * count / (count - parameters)
        sides, sizes = [], []
        for ids in (self.layout.rater, self.layout.prompt):
            size = int(ids.max()) + 1
            indicator = _indicator(ids, size)
            correction = size / (size - 1) * (count - 1) / (count - parameters)
            sums = np.stack([((residuals * weight) @ indicator) for weight in self.weights], 1)
            sides.append((sums**2).sum(2) * correction)
            sizes.append(size)
        variances = np.maximum(sides[0] + sides[1] - unclustered, unclustered)
        df = satterthwaite(unclustered, sides, self.effective, sizes, count - parameters)
        return Estimates(values, np.sqrt(variances), df)


PEOPLE = {  # standard deviations of rater, prompt, system x rater, system x prompt, rest
    "typical": VarianceComponents.of_deviations(0.5, 0.3, 0.2, 0.2, 0.7),
    "raters differ": VarianceComponents.of_deviations(0.8, 0.2, 0.3, 0.1, 0.6),
    "prompts differ": VarianceComponents.of_deviations(0.1, 0.6, 0.05, 0.3, 0.7),
    "tastes differ": VarianceComponents.of_deviations(0.5, 0.3, 0.4, 0.4, 0.6),
    "raters' tastes differ": VarianceComponents.of_deviations(0.5, 0.3, 0.5, 0.0, 0.6),
    "no interplay": VarianceComponents.of_deviations(0.5, 0.3, 0.0, 0.0, 0.7),
}
DESIGNS = (
    Design(4, 20, 30, 20),
    Design(4, 20, 12, 20),
    Design(4, 20, 8, 20),
    Design(3, 50, 15, 30),
    Design(2, 40, 60, 10),
    Design(2, 12, 8, 12),
    Design(3, 16, 40, 12),
    Design(4, 100, 20, 25),
    Design(4, 20, 30, 20, missing=0.3),
    Design(5, 60, 35, 20),
    Design(4, 100, 112, 25),  # the paper's: 100 prompts, 7 raters for each clip
)
SCORES = (1.4, 3.3, 4.69, 4.86)  # low, middle, and the ceiling where ground truth lives
FEW_TO_MANY = (Design(4, 20, 8, 20), Design(3, 50, 15, 30), Design(4, 20, 30, 20))  # 8, 15 and 30 raters


def grid(studies: int, scores: Sequence[float] = SCORES) -> Iterator[tuple[str, IntervalCoverage]]:
    """Measure every design with every set of components at every true score; yields the set's name and what held."""
    for design in DESIGNS:
        for name, people in PEOPLE.items():
            for score in scores:
                yield name, measure_coverage(design, people, studies, liking_of(score, people))


def mean_coverage_table(studies: int) -> Iterator[str]:
    """Yield the lines of a Markdown table of means' intervals: low, middle and ceiling with 8, 15 and 30 raters.

    Each cell is the least and the most of all sets of components; misses are the most on a side.
    """
    yield "| true score | raters | intervals hold | lie below | lie above | half-width |"
    yield "|---" * 6 + "|"
    for score in SCORES:
        for design in FEW_TO_MANY:
            found = [measure_mean_coverage(design, people, studies, score) for people in PEOPLE.values()]
            held = sorted(100 * one.held.value for one in found)
            below, above = (
                max(100 * side for side in sides) for sides in zip(*((f.below, f.above) for f in found), strict=True)
            )
            widths = sorted(one.half_width for one in found)
            yield (
                f"| {score:.2f} | {design.num_raters} | {held[0]:.1f} to {held[-1]:.1f} | {below:.1f} | {above:.1f} | "
                f"{widths[0]:.2f} to {widths[-1]:.2f} |"
            )


def coverage_table(studies: int) -> Iterator[str]:
    """Yield the lines of a Markdown table of coverage over the whole grid, `studies` drawn for each cell."""
    head = (
        "systems", "prompts", "raters", "clips each", "people", "score", "means", "without logit", "1.96 sd/sqrt(n)",
        "differences", "equal called different",
    )  # fmt: skip
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for name, found in grid(studies):
        design = found.design
        sizes = (design.num_systems, design.num_prompts, design.num_raters, design.trials_per_rater, name)
        rates = (found.means, found.linear_means, found.naive_means, found.differences, found.called_different)
        cells = [*map(str, sizes), f"{found.true_score:.2f}", *(f"{100 * rate.value:.1f}" for rate in rates)]
        yield f"| {' | '.join(cells)} |"


def _naive(y: Array, layout: Layout) -> tuple[Array, Array]:
    """Return the errors [B, S], sd / sqrt(n), and the p values [B, C] of Welch's test on the ratings."""
    num_systems = int(layout.system.max()) + 1
    parts = [y[:, layout.system == system] for system in range(num_systems)]
    errors = np.stack([part.std(1, ddof=1) / np.sqrt(part.shape[1]) for part in parts], 1)
    p = [stats.ttest_ind(parts[a], parts[b], axis=1, equal_var=False).pvalue for a, b in _pairs(num_systems)]
    return errors, np.stack(p, 1)


def _pairs(num_systems: int) -> list[tuple[int, int]]:
    return list(combinations(range(num_systems), 2))


def _indicator(ids: NDArray[np.int64], size: int) -> csr_array:
    """Return the sparse indicator matrix [N, members]."""
    return csr_array((np.ones(len(ids)), (np.arange(len(ids)), ids)), shape=(len(ids), size))


def _holm_calls(p: Array) -> Array:
    """Return [B] whether any pair is called different: Holm's first step decides that."""
    told = np.where(np.isnan(p), 1.0, p)  # ratings that do not vary call nothing different
    return np.asarray(told.min(1) * p.shape[1] <= 1 - LEVEL, dtype=np.float64)


def _rate(shares: Array) -> Rate:
    """Return a rate with its error: studies are independent, intervals of one study are not."""
    return Rate(float(shares.mean()), float(shares.std(ddof=1) / np.sqrt(len(shares))))
