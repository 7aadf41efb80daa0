"""How far raters agree: Krippendorff's alpha for ordinal ratings, with an interval over prompts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.krippendorff_alpha import krippendorff_alpha, resampled_alphas
from undertone.studies.analysis.ratings_frame import codes, select

RESAMPLES = 1000


@dataclass(frozen=True)
class Alpha:
    """1 is perfect agreement, 0 what chance gives.

    Attributes:
        low: of the interval; None where `note` says why.
        stimuli: clips with at least two raters, which are all that alpha can use.
    """

    scale: str
    value: float | None
    low: float | None
    high: float | None
    raters: int
    stimuli: int
    ratings: int
    resamples: int
    seed: int
    note: str = ""


def alpha(frame: pd.DataFrame, scale: str, screened: bool = True, resamples: int = RESAMPLES, seed: int = 0) -> Alpha:
    """Return the ordinal alpha of raters x clips with missing cells.

    The interval draws prompts, each with all of its clips. It speaks of these raters on other prompts: drawing raters
    with replacement would let a rater agree with himself.

    Raises:
        AnalysisError: there is nothing on the scale.
    """
    ratings = select(frame, scale, screened)
    per_clip = ratings.groupby("stimulus")["rater"].transform("nunique")
    used = ratings[per_clip >= 2]
    size = (int(used["rater"].nunique()), int(used["stimulus"].nunique()), len(used))
    if used.empty:
        note = "no clip was rated by two raters: agreement cannot be told"
        return Alpha(scale, None, None, None, *size, 0, seed, note)
    counts, domain, prompt_of_clip = _value_counts(used)
    if len(domain) < 2:
        note = f"every rating is {domain[0]:g}: without variation agreement cannot be told from chance"
        return Alpha(scale, None, None, None, *size, 0, seed, note)
    value = krippendorff_alpha(counts, domain, "ordinal")
    if value is None:
        note = "agreement cannot be told from chance: the clips that two raters share do not vary"
        return Alpha(scale, None, None, None, *size, 0, seed, note)
    num_prompts = int(prompt_of_clip.max()) + 1
    if num_prompts < 2:
        return Alpha(scale, value, None, None, *size, 0, seed, "only one prompt: there is no interval over prompts")
    random = np.random.default_rng(seed)
    drawn = random.multinomial(num_prompts, np.full(num_prompts, 1 / num_prompts), size=resamples)
    values = resampled_alphas(counts, domain, "ordinal", drawn[:, prompt_of_clip])
    finite = values[~np.isnan(values)]
    if not len(finite):
        return Alpha(scale, value, None, None, *size, 0, seed, "no resample of prompts varies: there is no interval")
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Alpha(scale, value, float(low), float(high), *size, len(finite), seed)


def _value_counts(ratings: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return counts [clips, values], the values in order, and the number of each clip's prompt."""
    clip_of_rating, clips = pd.factorize(ratings["stimulus"], sort=True)
    domain, value_of_rating = np.unique(ratings["value"].to_numpy(np.float64), return_inverse=True)
    counts = np.zeros((len(clips), len(domain)), np.int64)
    np.add.at(counts, (clip_of_rating, value_of_rating), 1)
    first = np.unique(clip_of_rating, return_index=True)[1]
    return counts, domain, codes(ratings["prompt"].iloc[first])
