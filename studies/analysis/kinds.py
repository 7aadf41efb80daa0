"""What a study's kind changes in its analysis: which rows are averaged, what takes the place of differences."""

from dataclasses import replace

import pandas as pd

from undertone.studies.analysis.choices import judgements, kind_of, paired, reason_counts
from undertone.studies.analysis.mushra import post_screened, post_screening, screened_ratings
from undertone.studies.analysis.pairs import Comparison
from undertone.studies.analysis.preferences import preferences
from undertone.studies.analysis.ranking import rank
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.scale_results import ScaleResults

PAIRED = ("ab", "preference")
RANKED = (*PAIRED, "best_worst")


def analysed_ratings(data: StudyData) -> pd.DataFrame:
    """Return the rows that statistics are made of: of two clips, how much better the second of the pair is.

    Then means, agreement, variance components and the planner that rests on them are about the preference.
    """
    kind = kind_of(data)
    if kind in PAIRED:
        return paired(data.ratings, data.pairs, listed_systems(data))
    return screened_ratings(data) if kind == "mushra" and len(data.ratings) else data.ratings


def for_kind(data: StudyData, results: ScaleResults) -> ScaleResults:
    """Return the results with the parts that the study's kind has, and without those that say nothing about it."""
    kind = kind_of(data)
    if kind == "mushra":
        failed = sum(not one.passed for one in post_screening(data, results.scale))
        note = (
            f"Post-screening after ITU-R BS.1534-3 left out {len(post_screened(data))} of {len(results.raters)} raters "
            f"(hidden reference or anchor, by the study's limits; {failed} failed on this scale)."
        )
        return replace(results, kind=kind, notes=(*results.notes, note))
    if kind not in RANKED:
        return results
    note = "systems are compared by what was chosen, not by differences of means"
    ranked = replace(
        results,
        kind=kind,
        comparison=Comparison(results.scale, results.screened, "", (), note),
        ranking=rank(judgements(data, results.scale, results.screened)),
    )
    if kind == "best_worst":
        return replace(ranked, components=None)
    found = preferences(data.ratings, results.scale, data.pairs, results.screened, listed_systems(data))
    reasons = reason_counts(data, results.scale, results.screened) if kind == "preference" else ()
    return replace(ranked, preferences=found, reasons=reasons)


def listed_systems(data: StudyData) -> list[str]:
    """Return the systems in the order of the study file."""
    return [str(system["name"]) for system in data.definition.get("systems", [])]
