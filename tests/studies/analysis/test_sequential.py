"""Declared looks: published boundaries, 5 % over all looks, one result for each look."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from undertone.studies.analysis.pairs import compare
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.results import analyse_scale
from undertone.studies.analysis.sequential import Look, at_look, boundaries, current_look, ratings_at, spent
from undertone.studies.analysis.simulation.example import example_study
from undertone.studies.design.analysis_plan import AnalysisPlan

# Two-sided 5 %, equally spaced looks, as the Lan-DeMets programs (Reboussin et al., 2000) print them.
PUBLISHED = {
    2: [2.9626, 1.9686],
    3: [3.7103, 2.5114, 1.9930],
    5: [4.8769, 3.3569, 2.6803, 2.2898, 2.0310],
}


@pytest.mark.parametrize("looks", PUBLISHED)
def test_boundaries_are_the_published_ones(looks: int) -> None:
    shares = [number / looks for number in range(1, looks + 1)]
    assert boundaries(shares) == pytest.approx(PUBLISHED[looks], abs=2e-4)


def test_one_look_at_the_end_is_the_usual_test() -> None:
    assert spent(1.0) == pytest.approx(0.025)
    assert boundaries([1.0]) == pytest.approx([1.959964], abs=1e-5)


def test_five_per_cent_are_called_over_all_looks_and_more_without_them() -> None:
    shares = np.array([0.3, 0.45, 0.8, 1.0])
    random = np.random.default_rng(3)
    number = 200_000
    steps = random.standard_normal((number, 4)) * np.sqrt(np.diff(shares, prepend=0.0))
    z = np.abs(np.cumsum(steps, axis=1) / np.sqrt(shares))
    called = float((z >= boundaries(list(shares))).any(axis=1).mean())
    assert called == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / number))
    assert float((z >= 1.96).any(axis=1).mean()) > 0.1


def running(looks: list[float], wanted: int) -> StudyData:
    data = example_study()
    definition = {**data.definition, "allocation": {"raters_per_stimulus": wanted}, "analysis": {"looks": looks}}
    return replace(data, definition=definition, status="open")


def test_a_look_is_made_of_the_first_ratings_and_stays_as_it_is() -> None:
    data = running([0.2, 0.5], 4)
    share = data.share_rated("naturalness")
    assert 0.5 < share < 1
    look = current_look(data, "naturalness")
    assert look is not None
    assert (look.number, look.of, look.share) == (2, 3, 0.5)
    kept = ratings_at(look, data, data.ratings, "naturalness")
    on_scale = kept[kept["scale"] == "naturalness"]
    assert 0.4 * data.wanted_ratings < len(on_scale) <= 0.5 * data.wanted_ratings + 1
    earlier = data.ratings[data.ratings["session"].isin(set(kept["session"]))]
    assert ratings_at(look, data, earlier, "naturalness").equals(kept), "what came in later changes nothing"
    found = analyse_scale(data, "naturalness", largest_mixed=0)
    assert found.tested
    assert found.omnibus is None
    assert any("look 2 of 3" in note for note in found.notes)
    plain = compare(kept, "naturalness", True, data.roles)
    for pair, bare in zip(found.comparison.pairs, plain.pairs, strict=True):
        assert pair.p is not None
        assert bare.p is not None
        assert pair.p == pytest.approx(min(1.0, bare.p * 0.05 / look.level))
        assert pair.low is not None
        assert bare.low is not None
        assert pair.low < bare.low
        assert (pair.p <= 0.05) == (pair.low > 0 or (pair.high or 0) < 0), "p and interval say the same"


def test_before_the_first_look_and_without_looks_tests_stay_hidden() -> None:
    for data in (running([0.99], 40), running([], 4)):
        assert current_look(data, "naturalness") is None
        found = analyse_scale(data, "naturalness", largest_mixed=0)
        assert not found.tested
        assert all(pair.p is None for pair in found.comparison.pairs)


def test_at_the_end_all_ratings_are_tested_at_what_is_left() -> None:
    data = replace(running([0.5], 4), status="closed")
    look = current_look(data, "naturalness")
    assert look is not None
    assert look.number == look.of
    assert 0.045 < look.level < 0.05
    assert ratings_at(look, data, data.ratings, "naturalness") is data.ratings


def test_a_look_at_five_per_cent_changes_no_comparison() -> None:
    comparison = compare(example_study().ratings, "naturalness")
    for pair, bare in zip(at_look(comparison, Look(1, 1, 1.0, 0.05)).pairs, comparison.pairs, strict=True):
        assert (pair.p, pair.low) == pytest.approx((bare.p, bare.low))
        assert pair.low_adjusted == pytest.approx(bare.low_adjusted)


def test_looks_rise_and_lie_before_the_end() -> None:
    with pytest.raises(ValidationError, match="rising shares"):
        AnalysisPlan(looks=(0.5, 0.25))
    with pytest.raises(ValidationError):
        AnalysisPlan(looks=(1.0,))
