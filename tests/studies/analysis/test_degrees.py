"""Degrees of freedom from the clusters: as many as there are where all weigh alike, few where one decides."""

import numpy as np
import pytest

from undertone.studies.analysis.clustered import clustered_mean
from undertone.studies.analysis.degrees import fourth_moment_degrees, mean_degrees


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_degrees_do_not_depend_on_the_unit(scale: float) -> None:
    sums = np.random.default_rng(0).standard_normal((5, 12))
    assert fourth_moment_degrees(scale * sums) == pytest.approx(fourth_moment_degrees(sums))


def test_normal_sums_have_about_as_many_degrees_as_there_are_clusters() -> None:
    sums = np.random.default_rng(0).standard_normal((400, 200))
    assert np.median(fourth_moment_degrees(sums)) == pytest.approx(200, rel=0.1)


def test_one_cluster_that_makes_the_variance_leaves_two_degrees() -> None:
    sums = np.zeros((1, 30))
    sums[0, 4] = 3.0
    assert fourth_moment_degrees(sums)[0] == pytest.approx(2.0, abs=0.2)
    assert fourth_moment_degrees(np.zeros((1, 30)))[0] >= 2.0  # nothing varies: the smaller number of clusters decides


def test_a_side_that_adds_nothing_does_not_lower_the_degrees() -> None:
    lonely, even = np.eye(1, 9), np.ones((1, 9))
    assert mean_degrees([1.0], [[2.0], [0.5]], [even, lonely])[0] == 8
    assert mean_degrees([1.0], [[2.0], [1.5]], [even, lonely])[0] < 3
    assert mean_degrees([1.0], [[0.5], [0.5]], [lonely, lonely])[0] == 8


def test_one_discontented_rater_near_the_ceiling_makes_the_interval_wide() -> None:
    raters, prompts = np.repeat(np.arange(12), 6), np.tile(np.arange(6), 12)
    shared = np.where((raters + prompts) % 6 == 0, 4.0, 5.0)  # everybody takes off one point once
    alone = np.where(raters == 0, np.where(prompts < 6, 3.0, 5.0), 5.0)  # the same twelve points, by one rater
    assert shared.mean() == alone.mean()
    even, lone = (clustered_mean(values, raters, prompts, (1, 5)) for values in (shared, alone))
    assert lone.df < 3 < even.df
    assert lone.low is not None
    assert even.low is not None
    assert lone.low < 4 < even.low < even.value
