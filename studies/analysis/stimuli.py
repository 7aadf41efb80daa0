"""One scale against another on the same clips: does what sounds natural also make sense?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from undertone.studies.analysis.clustered import Mean, clustered_mean
from undertone.studies.analysis.ratings_frame import select, systems_of


@dataclass(frozen=True)
class StimulusPair:
    """One clip's means on both scales, from the raters who gave both."""

    stimulus: str
    system: str
    prompt: str
    first: float
    second: float
    raters: int


@dataclass(frozen=True)
class SystemGap:
    """First scale less second for one system, the same rater on the same clip, clustered as the scores are."""

    system: str
    gap: Mean


@dataclass(frozen=True)
class TwoScales:
    """Two scales side by side.

    Attributes:
        within: Spearman's correlation of clip means after each system's mean is taken away; None for too few clips.
        overall: the same with the systems' differences left in.
    """

    first_scale: str
    second_scale: str
    stimuli: tuple[StimulusPair, ...]
    systems: tuple[SystemGap, ...]
    within: float | None
    overall: float | None


def n_versus_m(frame: pd.DataFrame, first_scale: str, second_scale: str, screened: bool = True) -> TwoScales:
    """Clip by clip, the mean on one scale against the mean on the other.

    Raises:
        AnalysisError: one of the scales has no ratings.
    """
    keys = ["session", "trial", "rater", "system", "prompt", "stimulus"]
    sides = [select(frame, scale, screened)[[*keys, "value"]] for scale in (first_scale, second_scale)]
    both = sides[0].merge(sides[1], on=keys, suffixes=("_first", "_second"))
    both["gap"] = both["value_first"] - both["value_second"]
    clips = both.groupby(["stimulus", "system", "prompt"]).agg(
        first=("value_first", "mean"), second=("value_second", "mean"), raters=("rater", "nunique")
    )
    gaps = []
    for name in systems_of(both):
        rows = both[both["system"] == name]
        gaps.append(SystemGap(name, clustered_mean(rows["gap"], rows["rater"], rows["prompt"])))
    centred = clips[["first", "second"]] - clips.groupby("system")[["first", "second"]].transform("mean")
    return TwoScales(
        first_scale=first_scale,
        second_scale=second_scale,
        stimuli=tuple(
            StimulusPair(str(stimulus), str(system), str(prompt), float(row.first), float(row.second), int(row.raters))
            for (stimulus, system, prompt), row in zip(clips.index, clips.itertuples(), strict=True)
        ),
        systems=tuple(gaps),
        within=_spearman(centred),
        overall=_spearman(clips[["first", "second"]]),
    )


def _spearman(table: pd.DataFrame) -> float | None:
    """Return the rank correlation; None for fewer than three clips or for a scale that does not vary."""
    if len(table) < 3 or min(np.ptp(table[column].to_numpy()) for column in table) < 1e-12:
        return None
    return float(stats.spearmanr(table.iloc[:, 0], table.iloc[:, 1]).statistic)


@dataclass(frozen=True)
class PromptPoint:
    """One clip beside its prompt: the prompt's mean is over its clips, each counted once."""

    system: str
    prompt: str
    mean: float
    prompt_mean: float


def prompt_points(frame: pd.DataFrame, scale: str, screened: bool = True) -> tuple[PromptPoint, ...]:
    """Return every clip on a scale with the mean of its prompt.

    Raises:
        AnalysisError: there is nothing on the scale.
    """
    clips = select(frame, scale, screened).groupby(["system", "prompt"])["value"].mean()
    prompts = clips.groupby("prompt").mean()
    return tuple(
        PromptPoint(str(system), str(prompt), float(mean), float(prompts[prompt]))
        for (system, prompt), mean in clips.items()
    )
