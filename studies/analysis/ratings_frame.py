"""A study's ratings as one table, a row for each rating, and the choice of the rows that statistics are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.design.published import PublishedScores

COLUMNS = (
    "rater",  # opaque id of the participant
    "prompt",  # name; the same prompt is heard from every system, by different raters
    "system",
    "scale",
    "value",
    "stimulus",
    "trial",
    "position",  # of the trial in its session, from 0
    "session",
    "accepted",  # of the session: True, False, or None while it is not judged
    "screening",  # of the session: {rule: {"passed": bool, "effect": "exclude" or "flag", ...}}
    "kind",  # of the trial: statistics use "main" only
    "rated_at",
    "device",
)
_WORDS = {
    "true": True,
    "1": True,
    "1.0": True,
    "yes": True,
    "false": False,
    "0": False,
    "0.0": False,
    "no": False,
    "": None,
    "none": None,
    "nan": None,
    "<na>": None,
    "null": None,
}
SESSION_COLUMNS = ("session", "rater", "state", "accepted", "screening", "device", "source", "started_at", "ended_at")
STIMULUS_COLUMNS = ("stimulus", "system", "prompt", "kind", "seconds", "loudness_lufs", "true_peak_dbtp")


@dataclass(frozen=True)
class StudyData:
    """Everything that an analysis reads of a study.

    Attributes:
        definition: the study file as it was built.
        ratings: a row for each rating, columns `COLUMNS`.
        sessions: a row for each session, also of those who never rated, columns `SESSION_COLUMNS`.
        stimuli: a row for each clip, columns `STIMULUS_COLUMNS`.
    """

    name: str
    title: str
    seed: int
    definition: dict[str, Any]
    ratings: pd.DataFrame
    sessions: pd.DataFrame
    stimuli: pd.DataFrame
    status: str = "closed"
    definition_hash: str = ""
    roles: dict[str, str] = field(default_factory=dict)  # of systems: "system", "ground_truth" or "low_anchor"
    exclusions: dict[str, str] = field(default_factory=dict)  # raters whom an admin left out, and why
    demographics: dict[str, dict[str, int]] = field(default_factory=dict)  # of who rated: question: answer: raters
    answers: dict[str, dict[str, str]] = field(default_factory=dict)  # question: rater: what they said of themselves
    preregistration: tuple[str, str, bool] | None = None  # hash, time, and whether the study is still the same
    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)  # A/B: what is heard first and second

    @property
    def scales(self) -> list[str]:
        """Return the scales' names in the order of the study file; of the ratings where the file names none."""
        named = [str(scale["name"]) for scale in self.definition.get("scales", [])]
        return named or list(dict.fromkeys(self.ratings["scale"]))

    def wording(self, scale: str) -> dict[str, Any]:
        """Return what raters were asked on a scale, as the study file has it; empty where it does not say."""
        return next((dict(known) for known in self.definition.get("scales", []) if known["name"] == scale), {})

    def limits(self, scale: str) -> tuple[float, float] | None:
        """Return the ends of a scale; None where the study file does not say."""
        wording = self.wording(scale)
        if "minimum" not in wording or "maximum" not in wording:
            return None
        return float(wording["minimum"]), float(wording["maximum"])

    def published(self, scale: str) -> dict[str, str]:
        """Return scores that were published of the systems on a scale, as they are printed; empty where none are."""
        return PublishedScores.model_validate(self.definition.get("published", {})).shown(scale)

    @property
    def published_source(self) -> str:
        """Return where the published scores come from."""
        return str(self.definition.get("published", {}).get("source", ""))

    def may_test(self, scale: str) -> bool:
        """Return whether the stopping rule is reached: the study is closed, or every clip has the raters it wants.

        A test that is looked at again and again while ratings come in calls equal systems different more often than
        its level says (8.7 % at seven looks), so that results of a running study are shown without tests.
        """
        if self.status == "closed" or self.definition.get("allocation", {}).get("raters_per_stimulus") is None:
            return True
        return self.share_rated(scale) == 1.0

    @property
    def wanted_ratings(self) -> int:
        """Return how many accepted ratings on a scale the allocation asks for; 0 where it does not say."""
        wanted = self.definition.get("allocation", {}).get("raters_per_stimulus") or 0
        return int(wanted) * int((self.stimuli["kind"] == "main").sum())

    def share_rated(self, scale: str) -> float:
        """Return the share of the wanted ratings that accepted raters gave, none counted twice; 0 where none is."""
        if not self.wanted_ratings:
            return 0.0
        wanted = int(self.definition["allocation"]["raters_per_stimulus"])
        given = self.ratings[(self.ratings["scale"] == scale) & (self.ratings["kind"] == "main")]
        given = given[given["accepted"].map(lambda accepted: accepted is True).to_numpy(dtype=bool)]
        main = self.stimuli.loc[self.stimuli["kind"] == "main", "stimulus"]
        heard = given.groupby("stimulus")["rater"].nunique()
        return float(heard.reindex(main).fillna(0).clip(upper=wanted).sum()) / self.wanted_ratings

    def primary_contrasts(self, scale: str) -> tuple[tuple[str, str], ...]:
        """Return the pairs that were declared on a scale before the study opened."""
        declared = self.definition.get("analysis", {}).get("primary_contrasts", [])
        return tuple(
            (str(pair["first"]), str(pair["second"])) for pair in declared if pair.get("scale") in (None, scale)
        )


def checked_ratings(frame: pd.DataFrame, limits: Mapping[str, tuple[float, float]] | None = None) -> pd.DataFrame:
    """Return the ratings with `accepted` as True, False or None and `value` as a float, wherever they come from.

    Args:
        frame: a row for each rating, columns `COLUMNS`.
        limits: ends of the scales by name; an answer outside of them is refused.
    Raises:
        AnalysisError: a column is missing, an id is empty, `accepted` is no truth value, or a value is not a number or
            lies outside of its scale; the text names the trial.
    """
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise AnalysisError(f"the table of ratings lacks {', '.join(missing)}; it needs {', '.join(COLUMNS)}.")
    main = (frame["kind"] == "main").to_numpy(dtype=bool)
    for column in ("rater", "prompt", "system", "stimulus", "scale"):
        named, names = pd.factorize(frame[column])  # each name is looked at once; -1 is none
        empty = np.array([not str(name).strip() for name in names] + [True])[named]
        if (empty & main).any():
            bad = frame.loc[empty & main, "trial"].iloc[0]
            raise AnalysisError(
                f"trial {bad} has no {column}; every rating needs one. Fill it in or leave the row out."
            )
    values = pd.to_numeric(frame["value"], errors="coerce").astype(float)
    unusable = ~np.isfinite(values.to_numpy()) & main
    if unusable.any():
        bad = frame.loc[unusable].iloc[0]
        raise AnalysisError(
            f"trial {bad['trial']} has the value {bad['value']!r} on {bad['scale']!r}; expected a number."
        )
    for scale, (low, high) in (limits or {}).items():
        outside = ((values < low) | (values > high)).to_numpy() & main & (frame["scale"] == scale).to_numpy(dtype=bool)
        if outside.any():
            bad = frame.loc[outside].iloc[0]
            raise AnalysisError(
                f"trial {bad['trial']} has {float(bad['value']):g} on {scale!r}; "
                f"the scale goes from {low:g} to {high:g}."
            )
    accepted = pd.Series([_truth(value) for value in frame["accepted"]], index=frame.index, dtype=object)
    return frame.assign(value=values.where(np.isfinite(values), frame["value"]), accepted=accepted)


def select(
    frame: pd.DataFrame, scale: str, screened: bool = True, limits: tuple[float, float] | None = None
) -> pd.DataFrame:
    """Return the ratings on a scale that statistics are made of.

    Args:
        frame: a row for each rating.
        scale: its name.
        screened: only sessions that passed screening; False for every rating that was given.
        limits: ends of the scale; an answer outside of them is refused.
    Raises:
        AnalysisError: the table is no table of ratings (see `checked_ratings`), the scale is unknown, or no rating is
            left.
    """
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise AnalysisError(f"the table of ratings lacks {', '.join(missing)}; it needs {', '.join(COLUMNS)}.")
    of_scale = (frame["scale"] == scale).to_numpy(dtype=bool)
    if not of_scale.any():
        known = ", ".join(sorted({str(name) for name in frame["scale"]})) or "none yet"
        raise AnalysisError(f"nothing is rated on scale {scale!r}; scales with ratings: {known}.")
    main = of_scale & (frame["kind"] == "main").to_numpy(dtype=bool)
    chosen = checked_ratings(frame[main], {} if limits is None else {scale: limits})
    if screened:
        chosen = chosen[[accepted is True for accepted in chosen["accepted"]]]
    if chosen.empty:
        whose = "of sessions that passed screening" if screened else "of main trials"
        raise AnalysisError(
            f"no rating on scale {scale!r} is {whose} (of {of_scale.sum()} in all). Wait for accepted sessions"
            + (", or look at the unscreened table." if screened else ".")
        )
    return chosen.assign(value=chosen["value"].astype(float))


def _truth(value: Any) -> bool | None:
    """Return a verdict as True, False or None. Raises AnalysisError for what is neither."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    word = str(value).strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    raise AnalysisError(f"accepted is {value!r}; expected True, False, or nothing while a session is not judged.")


def systems_of(ratings: pd.DataFrame) -> list[str]:
    """Return the names, sorted, of the systems that have ratings."""
    return sorted({str(name) for name in ratings["system"].dropna()})


def codes(column: pd.Series) -> np.ndarray:
    """Return whole numbers from 0 that stand for a column's different entries."""
    return np.asarray(pd.factorize(column)[0], dtype=np.int64)
