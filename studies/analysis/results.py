"""All results of a study at once: what the report prints and the page shows."""

import platform
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations

import pandas as pd

from undertone.studies.analysis.bootstrap import two_way_bootstrap
from undertone.studies.analysis.choices import kind_of
from undertone.studies.analysis.components import variance_components
from undertone.studies.analysis.effects import (
    Equivalence,
    effect_sizes,
    equivalence,
    group_differences,
    omnibus,
    ranks,
)
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.hidden import HIDDEN, WHY, without_differences, without_preference_tests, without_tests
from undertone.studies.analysis.kinds import RANKED, analysed_ratings, for_kind
from undertone.studies.analysis.mixed import LARGEST, mixed_model
from undertone.studies.analysis.order import order_effect
from undertone.studies.analysis.ordinal import OrdinalModel, ordinal_model
from undertone.studies.analysis.pairs import Comparison, adjusted_means, compare
from undertone.studies.analysis.raters import rater_table
from undertone.studies.analysis.ratings_frame import StudyData, select
from undertone.studies.analysis.reliability import alpha
from undertone.studies.analysis.scale_results import ScaleResults
from undertone.studies.analysis.screening import RuleCount, count_rules, screening_effect
from undertone.studies.analysis.sequential import at_look, current_look, look_note, ratings_at
from undertone.studies.analysis.stimuli import TwoScales, n_versus_m

PACKAGES = ("undertone", "numpy", "pandas", "scipy", "mean-opinion-score")


@dataclass(frozen=True)
class StudyResults:
    """Everything about a study.

    Attributes:
        missing: scales without results, and why.
        seed: of every resampling.
    """

    data: StudyData
    scales: tuple[ScaleResults, ...]
    missing: dict[str, str]
    two_scales: tuple[TwoScales, ...]
    rules: tuple[RuleCount, ...]
    states: dict[str, int]
    devices: dict[str, int]
    sources: dict[str, int]
    seed: int
    versions: dict[str, str]


def analyse_study(data: StudyData, seed: int = 0, largest_mixed: int = LARGEST) -> StudyResults:
    """Analyse every scale of a study that has ratings.

    Args:
        data: of a database or of a simulation.
        seed: of every resampling.
        largest_mixed: ratings on a scale above which the mixed model is left out.
    """
    scales, missing = [], {}
    for scale in data.scales:
        try:
            scales.append(analyse_scale(data, scale, seed, largest_mixed))
        except AnalysisError as error:
            missing[scale] = str(error)
    screened = all(results.screened for results in scales)
    both = combinations([results.scale for results in scales], 2) if not data.pairs else ()
    rated = data.sessions["session"].isin(set(data.ratings["session"]))
    return StudyResults(
        data=data,
        scales=tuple(scales),
        missing=missing,
        two_scales=tuple(n_versus_m(data.ratings, first, second, screened) for first, second in both),
        rules=count_rules(data.sessions),
        states=_counts(data.sessions["state"]),
        devices=_counts(data.sessions.loc[rated, "device"]),
        sources=_counts(data.sessions.loc[rated, "source"]),
        seed=seed,
        versions=versions(),
    )


def analyse_scale(data: StudyData, scale: str, seed: int = 0, largest_mixed: int = LARGEST) -> ScaleResults:
    """Analyse one scale; accepted sessions, or all while none is accepted.

    Raises:
        AnalysisError: nothing is rated on it.
    """
    kind = kind_of(data)
    limits = None if kind in RANKED else data.limits(scale)
    if limits is not None:
        select(data.ratings, scale, screened=False, limits=limits)  # refuses answers outside of the scale
    frame = analysed_ratings(data)
    effect = screening_effect(frame, scale, limits)
    screened = effect.screened is not None
    notes = [] if screened else [f"{effect.note} Until then the numbers are of all sessions."]
    rated = set(frame.loc[frame["scale"] == scale, "system"])
    for first, second in data.primary_contrasts(scale) if not data.pairs else ():
        if not {first, second} <= rated:
            notes.append(f"The declared contrast {first} - {second} has no ratings yet.")
    try:
        components = variance_components(frame, scale, screened)
    except AnalysisError as error:
        components = None
        notes.append(str(error))
    tested = data.may_test(scale)
    look = current_look(data, scale) if screened and kind not in RANKED else None
    judged = frame if look is None else ratings_at(look, data, frame, scale)
    comparison = compare(judged, scale, screened, data.roles, data.primary_contrasts(scale))
    if look is not None:
        comparison = at_look(comparison, look)
        notes.append(look_note(look))
    bootstrap = two_way_bootstrap(frame, scale, screened, seed=seed)
    mixed = mixed_model(frame, scale, screened, largest_mixed)
    ordinal = None if kind in RANKED else ordinal_model(frame, scale, screened, largest_mixed)
    if not tested:
        if look is None:
            notes.append(WHY)
            comparison = without_tests(comparison)
        bootstrap, mixed = without_differences(bootstrap, mixed)
        ordinal = None if ordinal is None else OrdinalModel(scale, note=HIDDEN)
    table = effect.screened or effect.unscreened
    scored = tested and kind not in RANKED
    groups = group_differences(data, frame, scale, screened) if scored else ()
    results = ScaleResults(
        scale=scale,
        screened=screened,
        mos=table,
        comparison=comparison,
        bootstrap=bootstrap,
        mixed=mixed,
        alpha=alpha(frame, scale, screened, seed=seed),
        components=components,
        screening=effect,
        raters=rater_table(frame, scale),
        preferences=None,
        order=order_effect(frame, scale, screened),
        tested=tested or look is not None,
        omnibus=omnibus(frame, scale, screened) if scored else None,
        effects=effect_sizes(frame, comparison) if scored else (),
        equivalences=()
        if look is not None and not tested
        else _equivalences(comparison, data.definition.get("analysis", {}).get("equivalence_margin")),
        ranks=ranks(comparison, {score.system: score.mean.value for score in table.systems}) if scored else (),
        groups=groups,
        adjusted={} if kind in RANKED else adjusted_means(comparison, {one.system: one.mean for one in table.systems}),
        ordinal=ordinal,
        notes=tuple(notes),
    )
    results = for_kind(data, results)
    if not tested and results.preferences is not None:
        results = replace(results, preferences=without_preference_tests(results.preferences))
    return results


def _equivalences(comparison: Comparison, margin: float | None) -> tuple[Equivalence, ...]:
    if margin is None:
        return ()
    found = (equivalence(pair, float(margin)) for pair in comparison.pairs)
    return tuple(one for one in found if one is not None)


def versions() -> dict[str, str]:
    """Return the versions of what computed the numbers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _counts(column: pd.Series) -> dict[str, int]:
    return {str(name): int(number) for name, number in column.value_counts().items()}
