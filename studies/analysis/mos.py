"""Mean opinion scores: for each system the mean, its interval, and what older papers would have printed beside it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertone.studies.analysis.clustered import Mean, clustered_mean
from undertone.studies.analysis.crowdmos import crowdmos_half_width
from undertone.studies.analysis.ratings_frame import codes, select, systems_of

NORMAL_95 = 1.96


@dataclass(frozen=True)
class RatingTotals:
    """The four numbers that every listening study owes its reader (Chiang, Huang and Lee, Interspeech 2023)."""

    unique_raters: int
    ratings_per_rater: tuple[int, float, int]  # least, mean, most
    raters_per_stimulus: tuple[int, float, int]
    stimuli: int
    prompts: int
    ratings: int


@dataclass(frozen=True)
class SystemScore:
    """One system on one scale.

    Attributes:
        mean: with the interval over raters and prompts; this is the one to report.
        naive_half_width: 1.96 sd / sqrt(n), as most papers print it; too narrow, and here only to compare with them.
        crowdmos_half_width: of Ribeiro et al. (ICASSP 2011), three variances of a raters x clips table.
        distribution: number of ratings at each value.
    """

    system: str
    mean: Mean
    naive_half_width: float | None
    crowdmos_half_width: float | None
    counts: RatingTotals
    distribution: dict[float, int]


@dataclass(frozen=True)
class MosTable:
    """Every system on one scale."""

    scale: str
    screened: bool
    systems: tuple[SystemScore, ...]
    counts: RatingTotals

    def score(self, system: str) -> SystemScore:
        """Return the score of a system by name."""
        return next(score for score in self.systems if score.system == system)


def mos(frame: pd.DataFrame, scale: str, screened: bool = True, limits: tuple[float, float] | None = None) -> MosTable:
    """Return the scores of every system that was rated on a scale.

    Args:
        frame: a row for each rating.
        scale: its name.
        screened: only accepted sessions.
        limits: ends of the scale, which the intervals respect; None where they are not known.
    Raises:
        AnalysisError: there is nothing to average; the text says why.
    """
    ratings = select(frame, scale, screened)
    scores = tuple(score_system(name, ratings[ratings["system"] == name], limits) for name in systems_of(ratings))
    return MosTable(scale, screened, scores, count(ratings))


def score_system(system: str, ratings: pd.DataFrame, limits: tuple[float, float] | None = None) -> SystemScore:
    """Return one row of the table from the ratings of one system."""
    values = ratings["value"].to_numpy()
    naive = NORMAL_95 * float(values.std(ddof=1)) / float(np.sqrt(len(values))) if len(values) > 1 else None
    distribution = {float(value): int(number) for value, number in ratings["value"].value_counts().sort_index().items()}
    mean = clustered_mean(values, ratings["rater"], ratings["prompt"], limits)
    return SystemScore(system, mean, naive, _crowdmos(ratings), count(ratings), distribution)


def count(ratings: pd.DataFrame) -> RatingTotals:
    """Return Chiang's four counts of a table of ratings on one scale."""
    return RatingTotals(
        unique_raters=int(ratings["rater"].nunique()),
        ratings_per_rater=_spread(ratings.groupby("rater").size()),
        raters_per_stimulus=_spread(ratings.groupby("stimulus")["rater"].nunique()),
        stimuli=int(ratings["stimulus"].nunique()),
        prompts=int(ratings["prompt"].nunique()),
        ratings=len(ratings),
    )


def _spread(sizes: pd.Series) -> tuple[int, float, int]:
    return int(sizes.min()), float(sizes.mean()), int(sizes.max())


def _crowdmos(ratings: pd.DataFrame) -> float | None:
    """Return the half-width of CrowdMOS; None where the table has a single row or column."""
    rater, clip = codes(ratings["rater"]), codes(ratings["stimulus"])
    sums, numbers = np.zeros((2, rater.max() + 1, clip.max() + 1))
    np.add.at(sums, (rater, clip), ratings["value"].to_numpy())
    np.add.at(numbers, (rater, clip), 1)
    return crowdmos_half_width(np.divide(sums, numbers, out=np.full_like(sums, np.nan), where=numbers > 0))
