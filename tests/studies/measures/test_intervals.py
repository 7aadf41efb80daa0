"""Intervals mean what they say: they cover, they know about clusters, and they pool sums, not means."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.studies.measures.intervals import ShareEstimate, estimate, interval, interval_and_p


def clustered(random: np.random.Generator, clusters: int, clips: int, between: float, within: float) -> np.ndarray:
    """Values [clusters, clips] around 1.0 whose clusters differ."""
    return 1.0 + between * random.standard_normal((clusters, 1)) + within * random.standard_normal((clusters, clips))


def coverage(resample_speakers: bool) -> float:
    random = np.random.default_rng(5)
    hits = 0
    trials = 120
    for _ in range(trials):
        values = clustered(random, clusters=12, clips=4, between=0.3, within=0.3)
        shares = [ShareEstimate(value, 1) for value in values.flatten()]
        speakers = np.repeat(np.arange(12), 4).tolist()
        number = estimate(shares, speakers if resample_speakers else list(range(48)))
        assert number is not None
        hits += number.low <= 1.0 <= number.high
    return hits / trials


def test_intervals_over_speakers_cover_the_truth_at_their_level() -> None:
    assert 0.90 <= coverage(resample_speakers=True) <= 0.99


def test_intervals_that_ignore_speakers_would_not() -> None:
    assert coverage(resample_speakers=False) < 0.88


def test_the_value_is_the_ratio_of_sums() -> None:
    number = estimate([ShareEstimate(1, 10), ShareEstimate(30, 100)], ["a", "b"])
    assert number is not None
    assert number.value == pytest.approx(31 / 110)
    assert (number.count, number.clips, number.clusters) == (110, 2, 2)


def test_a_curve_is_applied_to_the_ratio_and_keeps_the_order() -> None:
    shares = [ShareEstimate(float(square), 4) for square in (4, 16, 36, 64)]
    number = estimate(shares, list("abcd"), np.sqrt)
    assert number is not None
    assert number.value == pytest.approx(math.sqrt(120 / 16))
    assert number.low < number.value < number.high


def test_clips_that_had_nothing_to_count_are_left_out() -> None:
    number = estimate([ShareEstimate(0, 0), ShareEstimate(2, 4), ShareEstimate(2, 4)], ["a", "b", "c"])
    assert number is not None
    assert (number.value, number.clips) == (0.5, 2)
    assert estimate([ShareEstimate(0, 0)], ["a"]) is None


def test_one_cluster_has_no_interval_to_offer() -> None:
    number = estimate([ShareEstimate(1, 2), ShareEstimate(1, 4)], ["a", "a"])
    assert number is not None
    assert number.low == number.value == number.high


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 50), st.integers(1, 50)), min_size=2, max_size=12))
def test_the_interval_holds_its_value_and_is_the_same_every_time(parts: list[tuple[float, int]]) -> None:
    shares = [ShareEstimate(total, count) for total, count in parts]
    first, second = (estimate(shares, list(range(len(shares)))) for _ in range(2))
    assert first == second
    assert first is not None
    ratios = [total / count for total, count in parts]
    assert min(ratios) - 1e-9 <= first.low <= first.high <= max(ratios) + 1e-9


def test_p_falls_as_zero_leaves_the_interval_and_one_cluster_shows_nothing() -> None:
    def mean(drawn: np.ndarray) -> np.ndarray:
        return np.asarray(drawn[:, 0] / drawn[:, 1])

    values = np.random.default_rng(0).normal(size=40)
    found = [interval_and_p(np.stack([values + shift, np.ones(40)], 1), mean) for shift in (-values.mean(), 0.3, 2.0)]
    assert found[0][3] > 0.9
    assert found[0][3] > found[1][3] > found[2][3] > 0
    assert found[2][0] > 0
    assert (
        interval(np.stack([values, np.ones(40)], 1), mean)
        == interval_and_p(np.stack([values, np.ones(40)], 1), mean)[:3]
    )
    assert interval_and_p(np.array([[3.0, 1.0]]), mean) == (3.0, 3.0, 3.0, 1.0)
