"""What follows from the differences of systems: an omnibus test, effect sizes, equivalence, ranks, groups of raters."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from undertone.studies.analysis.clustered import LEVEL, Mean, clustered_mean
from undertone.studies.analysis.pairs import NOTHING, Comparison, SystemDifference, clustered_covariance
from undertone.studies.analysis.ratings_frame import StudyData, codes, select, systems_of
from undertone.studies.measures.holm import holm

Array = NDArray[np.float64]
FEWEST = 3  # raters that a group needs to be shown


@dataclass(frozen=True)
class Omnibus:
    """A test that all systems are equal: Hotelling's T squared of their differences within raters and prompts.

    Attributes:
        f: T^2 (df - q + 1) / (df q), with q differences (Pustejovsky and Tipton, 2018).
        note: why there is no test; empty where there is one.
    """

    f: float | None
    df: tuple[float, float] | None
    p: float | None
    note: str = ""


@dataclass(frozen=True)
class EffectSize:
    """How large a difference is beside what single ratings of one system vary.

    Attributes:
        d: difference / standard deviation of single ratings within a system, pooled over the two, with its interval.
        superiority: share of pairs of ratings in which the first is higher, ties counted by half.
    """

    first: str
    second: str
    d: float
    low: float | None
    high: float | None
    superiority: float


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests (Schuirmann, 1987) against a margin that was declared.

    Attributes:
        low: of the 90 % interval, which lies within the margin where the two are equivalent at 5 %.
        p: the larger of the two one-sided p values.
        p_noninferior: that the first is worse than the second by the margin or more.
    """

    first: str
    second: str
    margin: float
    value: float
    low: float
    high: float
    p: float
    p_noninferior: float

    @property
    def equivalent(self) -> bool:
        """Return whether the two differ by less than the margin, at 5 %."""
        return self.p <= 1 - LEVEL

    @property
    def noninferior(self) -> bool:
        """Return whether the first is not worse than the second by the margin, at 5 %."""
        return self.p_noninferior <= 1 - LEVEL


@dataclass(frozen=True)
class Rank:
    """Places that a system may have, 1 the best: those that no significant difference rules out, all at once."""

    system: str
    place: int  # by its mean
    best: int
    worst: int


@dataclass(frozen=True)
class GroupMean:
    """One system by one group of raters."""

    group: str
    system: str
    mean: Mean


@dataclass(frozen=True)
class GroupDifference:
    """Raters of one column split into groups.

    Attributes:
        p: that groups rate alike, by Welch's analysis of variance of raters' means after systems and prompts.
        p_systems: that groups see the systems' differences alike; the smallest over systems, Holm corrected.
        left_out: raters in groups of fewer than three.
    """

    column: str
    sizes: dict[str, int]
    means: tuple[GroupMean, ...]
    p: float | None
    p_systems: float | None
    left_out: int


def omnibus(frame: pd.DataFrame, scale: str, screened: bool = True) -> Omnibus:
    """Test that all systems on a scale are equal.

    Raises:
        AnalysisError: there is nothing on the scale.
    """
    ratings = select(frame, scale, screened)
    names = systems_of(ratings)
    if len(names) < 2:
        return Omnibus(None, None, None, "one system: there is nothing to differ")
    system = np.searchsorted(names, ratings["system"].astype(str))
    groups = np.stack([codes(ratings["rater"]), codes(ratings["prompt"])], axis=1)
    fit = clustered_covariance(ratings["value"].to_numpy(), system, groups)
    if fit is None:
        return Omnibus(None, None, None, "the systems share too few raters or prompts")
    values, covariance, df = fit
    number = len(values)
    if np.trace(covariance) <= NOTHING:
        return Omnibus(None, None, None, "the ratings do not vary: chance cannot be judged")
    if np.linalg.matrix_rank(covariance) < number or df - number + 1 < 1:
        return Omnibus(None, None, None, f"{number + 1} systems are too many for {df:.0f} degrees of freedom")
    statistic = float(values @ np.linalg.solve(covariance, values)) * (df - number + 1) / (df * number)
    freedom = (float(number), float(df - number + 1))
    return Omnibus(statistic, freedom, float(stats.f.sf(statistic, *freedom)))


def effect_sizes(frame: pd.DataFrame, comparison: Comparison) -> tuple[EffectSize, ...]:
    """Return the effect size of every compared pair, in the same order.

    Args:
        frame: the ratings that the comparison was made from.
        comparison: its intervals are divided by the standard deviation, which is taken as known.
    """
    if not comparison.pairs:
        return ()
    ratings = select(frame, comparison.scale, comparison.screened)
    values = {name: ratings.loc[ratings["system"] == name, "value"].to_numpy() for name in systems_of(ratings)}
    found = []
    for pair in comparison.pairs:
        first, second = values[pair.first], values[pair.second]
        if min(len(first), len(second)) < 2:
            continue
        left = len(first) + len(second) - 2
        deviation = np.sqrt(((len(first) - 1) * first.var(ddof=1) + (len(second) - 1) * second.var(ddof=1)) / left)
        if deviation <= 0:
            continue
        u = float(stats.mannwhitneyu(first, second).statistic) / (len(first) * len(second))
        low, high = (None if end is None else float(end / deviation) for end in (pair.low, pair.high))
        found.append(EffectSize(pair.first, pair.second, float(pair.value / deviation), low, high, u))
    return tuple(found)


def equivalence(pair: SystemDifference, margin: float) -> Equivalence | None:
    """Return the equivalence and non-inferiority tests of a pair; None where it has no interval.

    Raises:
        ValueError: the margin is not positive.
    """
    if margin <= 0:
        raise ValueError(f"the margin is {margin:g}; expected a positive number of points of the scale.")
    if pair.standard_error is None:
        return None
    above = float(stats.t.sf((pair.value + margin) / pair.standard_error, pair.df))
    below = float(stats.t.cdf((pair.value - margin) / pair.standard_error, pair.df))
    reach = float(stats.t.ppf(LEVEL, pair.df)) * pair.standard_error
    ends = (pair.value - reach, pair.value + reach)
    return Equivalence(pair.first, pair.second, margin, pair.value, *ends, max(above, below), above)


def ranks(comparison: Comparison, means: dict[str, float]) -> tuple[Rank, ...]:
    """Return the places of all systems with what the data leave open, corrected over all pairs together (Holm).

    Args:
        comparison: every pair of the systems.
        means: by system, for the order.
    """
    tested = [(pair, pair.p) for pair in comparison.pairs if pair.p is not None]
    corrected = holm([p for _, p in tested])
    better, worse = dict.fromkeys(means, 0), dict.fromkeys(means, 0)
    for (pair, _), p in zip(tested, corrected, strict=True):
        if p <= 1 - LEVEL:
            upper, lower = (pair.first, pair.second) if pair.value > 0 else (pair.second, pair.first)
            better[lower] += 1
            worse[upper] += 1
    order = sorted(means, key=lambda name: -means[name])
    return tuple(Rank(name, place, 1 + better[name], len(means) - worse[name]) for place, name in enumerate(order, 1))


def group_differences(
    data: StudyData, frame: pd.DataFrame, scale: str, screened: bool = True
) -> tuple[GroupDifference, ...]:
    """Return how raters differ by device and by each question about themselves that was asked, as MOS-Bias reports.

    Args:
        data: the study, for what raters said.
        frame: a row for each rating.
        scale: its name.
        screened: only accepted sessions.
    """
    columns = {"device": frame["device"]} | {
        question: frame["rater"].map(answers) for question, answers in data.answers.items()
    }
    found = [
        group_difference(frame.assign(**{"split": column}), scale, "split", screened) for column in columns.values()
    ]
    return tuple(replace(one, column=name) for name, one in zip(columns, found, strict=True) if one is not None)


def group_difference(frame: pd.DataFrame, scale: str, column: str, screened: bool = True) -> GroupDifference | None:
    """Return how groups of raters differ; None where there are not two groups of three raters.

    Args:
        frame: a row for each rating.
        scale: its name.
        column: that splits the raters, such as "device"; one value for each rater (the first counts).
        screened: only accepted sessions.
    Raises:
        AnalysisError: there is nothing on the scale.
    """
    ratings = select(frame, scale, screened)
    of_rater = ratings.groupby("rater")[column].first().dropna().astype(str)
    sizes = of_rater.value_counts()
    kept = sizes[sizes >= FEWEST]
    if len(kept) < 2:
        return None
    ratings = ratings.assign(group=ratings["rater"].map(of_rater))
    ratings = ratings[ratings["group"].isin(set(kept.index))]
    rest = ratings["value"] - ratings.groupby("stimulus")["value"].transform("mean")
    by_rater = rest.groupby(ratings["rater"]).mean()
    means, system_p = [], []
    for name in systems_of(ratings):
        own = ratings[ratings["system"] == name]
        for group in kept.index:
            rows = own[own["group"] == group]
            if len(rows):
                means.append(GroupMean(str(group), name, clustered_mean(rows["value"], rows["rater"], rows["prompt"])))
        deviation = rest[own.index].groupby(own["rater"]).mean() - by_rater
        p = _welch(deviation.dropna(), of_rater)
        if p is not None:
            system_p.append(p)
    smallest = float(min(holm(system_p))) if system_p else None
    return GroupDifference(
        column,
        {str(group): int(number) for group, number in kept.items()},
        tuple(means),
        _welch(by_rater, of_rater),
        smallest,
        int(sizes.sum() - kept.sum()),
    )


def _welch(numbers: pd.Series, group: pd.Series) -> float | None:
    """Return p of Welch's analysis of variance (1951) of one number for each rater; None where groups do not vary."""
    parts = [own.to_numpy() for _, own in numbers.groupby(group.reindex(numbers.index)) if len(own) >= 2]
    if len(parts) < 2 or min(np.ptp(own) for own in parts) < 1e-12:
        return None
    weights = np.array([len(own) / own.var(ddof=1) for own in parts])
    centres = np.array([own.mean() for own in parts])
    count = len(parts)
    grand = float(weights @ centres / weights.sum())
    lost = sum((1 - w / weights.sum()) ** 2 / (len(own) - 1) for w, own in zip(weights, parts, strict=True))
    statistic = float((weights * (centres - grand) ** 2).sum() / (count - 1))
    statistic /= 1 + 2 * (count - 2) / (count**2 - 1) * lost
    return float(stats.f.sf(statistic, count - 1, (count**2 - 1) / (3 * lost)))
