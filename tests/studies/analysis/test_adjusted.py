"""Means adjusted for who rated what, and groups by what raters said of themselves."""

from dataclasses import replace

import numpy as np
import pytest

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.effects import group_differences
from undertone.studies.analysis.mos import mos
from undertone.studies.analysis.pairs import adjusted_means, compare
from undertone.studies.analysis.simulation.example import example_study
from undertone.studies.analysis.simulation.simulate import Design, simulate
from undertone.studies.analysis.stimuli import prompt_points

PEOPLE = VarianceComponents.of_deviations(rater=0.5, prompt=0.3, system_rater=0.1, system_prompt=0.1, residual=0.5)


def test_means_are_adjusted_to_the_same_raters_and_keep_their_total() -> None:
    """A is heard by harsh raters alone in half of its ratings; the adjustment gives it back what that took."""
    frame = simulate(Design(2, 20, 20, 20), np.array([3.0, 3.0]), PEOPLE, 4)
    harsh = frame["rater"].isin(sorted(set(frame["rater"]))[:10])
    frame = frame.assign(value=frame["value"] - 1.0 * harsh)
    frame = frame[harsh | (frame["system"] == "B") | (frame["position"] % 2 == 0)]
    means = {one.system: one.mean for one in mos(frame, "naturalness").systems}
    found = adjusted_means(compare(frame, "naturalness"), means)
    total = sum(means[name].value * means[name].num_ratings for name in means)
    assert sum(found[name] * means[name].num_ratings for name in means) == pytest.approx(total)
    assert found["A"] > means["A"].value
    pair = compare(frame, "naturalness").pairs[0]
    assert found[pair.first] - found[pair.second] == pytest.approx(pair.value)


def test_nothing_is_adjusted_where_systems_share_nothing() -> None:
    frame = simulate(Design(2, 8, 8, 8), np.array([3.0, 3.0]), PEOPLE, 1)
    own = frame.assign(prompt=frame["prompt"] + frame["system"])
    means = {one.system: one.mean for one in mos(own, "naturalness").systems}
    assert adjusted_means(compare(own, "naturalness"), means) == {}


def test_raters_are_split_by_each_question_that_they_answered() -> None:
    data = example_study()
    raters = sorted(set(data.ratings["rater"]))
    spoken = {rater: ("German", "English")[number % 2] for number, rater in enumerate(raters)}
    shifted = data.ratings.assign(value=data.ratings["value"] + 1.0 * data.ratings["rater"].map(spoken).eq("German"))
    found = {one.column: one for one in group_differences(
        replace(data, answers={"First language": spoken, "Rare": {raters[0]: "yes"}}), shifted, "naturalness", False
    )}  # fmt: skip
    assert set(found) == {"device", "First language"}, "one rater is no group"
    assert found["First language"].p is not None
    assert found["First language"].p < 0.001
    assert found["device"].p is not None
    assert found["device"].p > 0.001


def test_a_prompt_counts_its_clips_once_each() -> None:
    frame = example_study().ratings
    points = prompt_points(frame, "naturalness", False)
    by_prompt = {point.prompt: [other.mean for other in points if other.prompt == point.prompt] for point in points}
    for point in points:
        assert point.prompt_mean == pytest.approx(np.mean(by_prompt[point.prompt]))
