"""MUSHRA's post-screening (ITU-R BS.1534-3, 4.1.2): who does not find the hidden reference, or praises the anchor."""

from dataclasses import dataclass

import pandas as pd

from undertone.studies.analysis.ratings_frame import StudyData, select
from undertone.studies.design.kinds import MushraTrial


@dataclass(frozen=True)
class PostScreening:
    """One rater against the recommendation.

    Attributes:
        missed_reference: trials in which the hidden reference got less than the limit, of `trials`.
        praised_anchor: trials in which an anchor got more than the limit.
    """

    rater: str
    trials: int
    missed_reference: int
    praised_anchor: int
    passed: bool


def post_screening(data: StudyData, scale: str) -> tuple[PostScreening, ...]:
    """Judge every rater on a scale, screened or not, by the limits of the study.

    Raises:
        AnalysisError: nothing is rated on the scale.
    """
    ratings = select(data.ratings, scale, screened=False)
    limits = MushraTrial.model_validate(data.definition.get("trials") or {"kind": "mushra"})
    roles = ratings["system"].map(data.roles)
    ratings = ratings.assign(
        missed=(roles == "ground_truth") & (ratings["value"] < limits.reference_at_least),
        praised=(roles == "low_anchor") & (ratings["value"] > limits.anchor_at_most),
    )
    trial = ["rater", "session", "page"] if "page" in ratings else ["rater", "session", "prompt"]
    by_trial = ratings.groupby(trial)[["missed", "praised"]].any()
    found = []
    for rater, rows in by_trial.groupby(level="rater"):
        missed, praised = int(rows["missed"].sum()), int(rows["praised"].sum())
        most = limits.share_of_trials * len(rows)
        found.append(PostScreening(str(rater), len(rows), missed, praised, missed <= most and praised <= most))
    return tuple(found)


def post_screened(data: StudyData) -> frozenset[str]:
    """Return the raters who fail the post-screening on any scale, and so are left out on all."""
    return frozenset(
        one.rater
        for scale in data.scales
        if (data.ratings["scale"] == scale).any()
        for one in post_screening(data, scale)
        if not one.passed
    )


def screened_ratings(data: StudyData) -> pd.DataFrame:
    """Return the ratings with those of raters who fail the post-screening on any scale marked as not accepted."""
    accepted = data.ratings["accepted"].where(~data.ratings["rater"].isin(post_screened(data)), False)
    return data.ratings.assign(accepted=accepted.astype(object))
