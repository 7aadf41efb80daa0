"""What was chosen over what, out of a table of ratings: pages of several clips, and pairs that were one sound.

In an A/B study of one sound the answer says how much better the second version is; on a page of two clips each has the
answer towards itself; on a best-worst page the best has 1, the worst -1 and the others 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from undertone.studies.analysis.ranking import Judgement
from undertone.studies.analysis.ratings_frame import StudyData, select
from undertone.studies.choices.model import best_and_worst
from undertone.studies.design.kinds import REASON


def kind_of(data: StudyData) -> str:
    """Return the kind of the study's trials: rating, ab, preference, best_worst or mushra."""
    trials = data.definition.get("trials") or {}
    return str(trials.get("kind", "ab" if data.pairs else "rating"))


def paired(frame: pd.DataFrame, pairs: Mapping[str, tuple[str, str]], order: Sequence[str] = ()) -> pd.DataFrame:
    """Return a row for each answer about two systems: how much better the second is, whichever was heard first.

    Args:
        frame: ratings, where `system` names an ordered pair, or pages of two clips with a column `page`.
        pairs: what was heard first and second in each ordered pair; empty for pages.
        order: of the systems, as the study file has them; of two the earlier is the first of the pair.
    Returns:
        the same columns: `system` names the pair without an order, `stimulus` the pair on one prompt, and `value` is
        towards its second system. Besides `first`, `second`, and `later` with the value towards what was heard second.
    """
    rows = frame if pairs else _second_clips(frame)
    if pairs:
        heard = [pairs.get(str(name), (str(name), str(name))) for name in rows["system"]]
    else:
        heard = list(zip(rows["heard_first"], rows["system"], strict=True))
    place = {name: index for index, name in enumerate(order)}
    sorted_pairs = [tuple(sorted(pair, key=lambda name: (place.get(name, len(place)), name))) for pair in heard]
    turned = [1.0 if pair == ordered else -1.0 for pair, ordered in zip(heard, sorted_pairs, strict=True)]
    values = pd.to_numeric(rows["value"], errors="coerce")
    names = [f"{first} or {second}" for first, second in sorted_pairs]
    return rows.assign(
        first=[first for first, _ in sorted_pairs],
        second=[second for _, second in sorted_pairs],
        later=values,
        value=values.to_numpy() * turned,
        system=names,
        stimulus=[f"{name} on {prompt}" for name, prompt in zip(names, rows["prompt"], strict=True)],
    )


@dataclass(frozen=True)
class ReasonCount:
    """How often a reason was given, by the system that was preferred then; ties are left out."""

    reason: str
    text: str
    counts: tuple[tuple[str, int], ...]


def reason_counts(data: StudyData, scale: str, screened: bool = True) -> tuple[ReasonCount, ...]:
    """Count the reasons of a preference study, in the order of the study file.

    Raises:
        AnalysisError: nothing was answered on the scale.
    """
    reasons = (data.definition.get("trials") or {}).get("reasons") or []
    ratings = select(data.ratings, scale, screened)
    preferred = ratings[ratings["value"] > 0].set_index(["session", "page"])["system"] if reasons else ratings["system"]
    found = []
    for reason in reasons:
        given = data.ratings[(data.ratings["scale"] == f"{REASON}{reason['name']}") & (data.ratings["value"] == 1)]
        keys = pd.MultiIndex.from_frame(given[["session", "page"]])
        systems = preferred[preferred.index.isin(keys)].value_counts()
        counts = tuple((str(name), int(number)) for name, number in systems.items())
        found.append(ReasonCount(str(reason["name"]), str(reason["text"]), counts))
    return tuple(found)


def judgements(data: StudyData, scale: str, screened: bool = True) -> list[Judgement]:
    """Return every trial on a scale as a judgement.

    Raises:
        AnalysisError: nothing was answered.
    """
    ratings = select(data.ratings, scale, screened)
    if data.pairs:
        return [_of_sound(row, data.pairs[str(row.system)]) for row in ratings.itertuples()]
    ordered = ratings.sort_values(["session", "position"])
    groups = ordered.groupby(["session", "page"], sort=False)
    return [_of_page(rows, kind_of(data)) for _, rows in groups if len(rows) > 1]


def _of_sound(row: Any, heard: tuple[str, str]) -> Judgement:
    best = heard[1] if row.value > 0 else heard[0] if row.value < 0 else None
    return Judgement(str(row.rater), str(row.prompt), heard, best, tie=best is None)


def _of_page(rows: pd.DataFrame, kind: str) -> Judgement:
    systems = [str(name) for name in rows["system"]]
    best, worst = (None if place is None else systems[place] for place in best_and_worst(rows["value"].tolist()))
    first = rows.iloc[0]
    two = kind != "best_worst" or len(systems) == 2
    return Judgement(
        rater=str(first["rater"]),
        prompt=str(first["prompt"]),
        systems=tuple(systems),
        best=best,
        worst=None if two else worst,
        tie=best is None,
    )


def _second_clips(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the second clip of each page of the study's own, with the system of the first beside it."""
    ordered = frame.sort_values(["session", "page", "scale", "position"], kind="stable")
    ordered = ordered[ordered["page"].notna() & (ordered["kind"] == "main")]
    groups = ordered.groupby(["session", "page", "scale"], sort=False)
    ordered = ordered.assign(heard_first=groups["system"].transform("first"))
    return ordered[(groups.cumcount() == 1) & (groups["system"].transform("size") == 2)]
