"""Correlations, linear probes and directions on latents whose truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.studies.probe.linear_probes import (
    ProbeFrames,
    correlations,
    directions,
    linear_probe,
    number_labels,
    readout,
)

CLIPS, FRAMES, Z = 12, 60, 4


def frames(noise: float = 0.5, offset: float = 3.0, seed: int = 0) -> ProbeFrames:
    """An attribute that is twice dimension 1 less dimension 2, with noise, and an offset of its own in every clip."""
    random = np.random.default_rng(seed)
    latents = random.standard_normal((CLIPS * FRAMES, Z))
    clips = np.repeat(np.arange(CLIPS), FRAMES)
    values = 2 * latents[:, 1] - latents[:, 2] + noise * random.standard_normal(len(latents))
    return ProbeFrames(latents, values + offset * random.standard_normal(CLIPS)[clips], clips, clips // 2)


def test_correlations_are_found_within_clips_whatever_the_clips_offsets() -> None:
    found = correlations(frames(noise=0.0, offset=100.0))
    truth = [0, 2 / 5**0.5, -1 / 5**0.5, 0]
    for measured, expected in zip(found, truth, strict=True):
        assert measured.value == pytest.approx(expected, abs=0.06)
        assert measured.low <= measured.value <= measured.high
    assert found[1].low > 0.8
    assert found[2].high < -0.3


def test_a_linear_probe_explains_what_is_linear_and_nothing_of_noise() -> None:
    exact = linear_probe(frames(noise=0.0, offset=0.0))
    half = linear_probe(frames(noise=5**0.5, offset=0.0))
    assert exact is not None
    assert half is not None
    assert exact.value > 0.999
    assert half.value == pytest.approx(0.5, abs=0.08)
    random = np.random.default_rng(1)
    unrelated = frames()
    nothing = linear_probe(
        ProbeFrames(unrelated.latents, random.standard_normal(720), unrelated.clips, unrelated.groups)
    )
    assert nothing is not None
    assert abs(nothing.value) < 0.05


def test_offsets_of_clips_hide_what_within_clips_is_clear() -> None:
    hidden = frames(noise=0.0, offset=30.0)
    across, within = linear_probe(hidden), linear_probe(hidden.within_clips())
    assert across is not None
    assert within is not None
    assert across.value < 0.2
    assert within.value > 0.999


def test_a_speaker_is_always_predicted_from_others() -> None:
    """A value that only names the speaker is learned by heart where frames of a speaker are on both sides."""
    random = np.random.default_rng(0)
    speakers = np.repeat(np.arange(40), 20)
    latents = random.standard_normal((40, 40))[speakers] + 0.01 * random.standard_normal((800, 40))
    values = random.standard_normal(40)[speakers] + 0.01 * random.standard_normal(800)
    by_heart = linear_probe(ProbeFrames(latents, values, speakers, np.arange(800)))
    from_others = linear_probe(ProbeFrames(latents, values, speakers, speakers))
    assert by_heart is not None
    assert from_others is not None
    assert by_heart.value > 0.99
    assert from_others.value < 0.3


def test_an_attribute_that_never_changes_tells_nothing() -> None:
    constant = frames()
    constant = ProbeFrames(constant.latents, np.full_like(constant.values, 100.0), constant.clips, constant.groups)
    assert not constant.varies
    assert linear_probe(constant) is None
    none_left = ProbeFrames.where_valid(constant.latents, constant.values * np.nan, constant.clips, constant.groups)
    assert not none_left.varies
    assert linear_probe(none_left) is None


def test_one_speaker_alone_gives_no_r2() -> None:
    one = frames()
    assert linear_probe(ProbeFrames(one.latents, one.values, one.clips, np.zeros_like(one.clips))) is None


def test_frames_without_a_value_and_clips_with_too_few_are_left_out() -> None:
    whole = frames()
    values = whole.values.copy()
    values[:FRAMES] = np.nan  # all of the first clip
    values[FRAMES : 2 * FRAMES - 5] = np.nan  # all but five frames of the second
    values[2 * FRAMES] = np.nan
    left = ProbeFrames.where_valid(whole.latents, values, whole.clips, whole.groups)
    assert len(left.values) == (CLIPS - 2) * FRAMES - 1
    assert set(left.clips.tolist()) == set(range(2, CLIPS))


def test_the_readout_is_the_slope() -> None:
    np.testing.assert_allclose(readout(frames(noise=0.1)), [0, 2, -1, 0], atol=0.02)


def test_a_single_direction_is_how_latents_lie_when_the_attribute_is_one_sigma_up() -> None:
    covariance = np.array([[1.0, 0.6], [0.6, 2.0]])
    (only,) = directions(np.array([[1.0], [0.0]]), covariance)
    np.testing.assert_allclose(only.vector, [1.0, 0.6], atol=1e-9)
    np.testing.assert_allclose(only.readout, [1.0, 0.0], atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 3))
def test_a_direction_is_one_sigma_long_and_leaves_the_other_readings_alone(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((Z, Z)) + 2 * np.eye(Z)
    covariance = mixing @ mixing.T + 0.1 * np.eye(Z)
    weights = random.standard_normal((Z, count))
    for index, found in enumerate(directions(weights, covariance)):
        vector, reading = np.array(found.vector), np.array(found.readout)
        assert reading @ vector == pytest.approx(1, abs=1e-6)
        assert vector @ np.linalg.inv(covariance) @ vector == pytest.approx(1, rel=1e-4)
        others = np.delete(weights, index, axis=1)
        np.testing.assert_allclose(others.T @ vector, 0, atol=1e-6)
        np.testing.assert_allclose(np.cross(reading[:3], weights[:3, index]), 0, atol=1e-6)  # the same reading, scaled


def test_labels_are_numbered_as_they_come() -> None:
    assert number_labels(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]
