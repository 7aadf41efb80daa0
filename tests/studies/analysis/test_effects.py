"""Omnibus test, effect sizes, equivalence, ranks and groups: closed forms, scipy, and simulated truth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.effects import effect_sizes, equivalence, group_difference, omnibus, ranks
from undertone.studies.analysis.mos import mos
from undertone.studies.analysis.pairs import SystemDifference, compare
from undertone.studies.analysis.simulation.simulate import Design, allocate, draw, simulate, to_frame

PEOPLE = VarianceComponents.of_deviations(0.5, 0.3, 0.2, 0.2, 0.7)
SCALE = "naturalness"


def test_equal_systems_are_called_different_by_the_omnibus_test_as_often_as_it_says() -> None:
    layout = allocate(Design(4, 16, 20, 16), 0)
    y = draw(layout, np.full(4, 3.2), PEOPLE, 60, np.random.default_rng(0))
    p = [omnibus(to_frame(values, layout), SCALE).p for values in y]
    assert np.mean(np.array(p) < 0.05) <= 0.12  # 0.05 and two and a half standard errors
    different = draw(layout, np.array([2.8, 3.2, 3.2, 3.6]), PEOPLE, 10, np.random.default_rng(1))
    found = [omnibus(to_frame(values, layout), SCALE).p for values in different]
    assert np.mean(np.array(found) < 0.05) > 0.6


def test_with_two_systems_the_omnibus_test_is_the_pair() -> None:
    frame = simulate(
        Design(2, 20, 20, 20), np.array([3.0, 3.4]), VarianceComponents.of_deviations(0.5, 0.3, 0.5, 0.5, 0.6), seed=3
    )
    (pair,) = compare(frame, SCALE).pairs
    found = omnibus(frame, SCALE)
    assert found.f == pytest.approx(pair.t**2, rel=0.02)
    assert found.p == pytest.approx(pair.p, rel=0.1)


def test_an_effect_size_is_the_difference_in_standard_deviations() -> None:
    frame = simulate(Design(3, 20, 20, 20), np.array([2.8, 3.2, 3.8]), PEOPLE, seed=3)
    comparison = compare(frame, SCALE)
    for pair, size in zip(comparison.pairs, effect_sizes(frame, comparison), strict=True):
        assert size.d * pair.low == pytest.approx(size.low * pair.value)
        assert size.d == pytest.approx(pair.value / np.sqrt(PEOPLE.total), rel=0.25)
        assert (size.superiority > 0.5) == (size.d > 0)


def difference(value: float, error: float, df: float) -> SystemDifference:
    return SystemDifference("a", "b", value, value, df, 10, 10, "within", standard_error=error)


def test_equivalence_is_two_one_sided_t_tests() -> None:
    random = np.random.default_rng(0)
    sample = random.normal(0.05, 0.3, 30)
    pair = difference(float(sample.mean()), float(stats.sem(sample)), 29)
    found = equivalence(pair, 0.2)
    expected = max(
        stats.ttest_1samp(sample, -0.2, alternative="greater").pvalue,
        stats.ttest_1samp(sample, 0.2, alternative="less").pvalue,
    )
    assert found.p == pytest.approx(expected)
    assert found.p_noninferior == pytest.approx(stats.ttest_1samp(sample, -0.2, alternative="greater").pvalue)
    for margin in (0.01, 0.1, 0.15, 0.2, 0.5):
        one = equivalence(pair, margin)
        assert one.equivalent == (-margin < one.low and one.high < margin)
    assert equivalence(replace(pair, standard_error=None), 0.2) is None
    with pytest.raises(ValueError, match="margin"):
        equivalence(pair, 0.0)


def test_ranks_hold_the_true_order_in_nearly_all_studies() -> None:
    truth = np.array([2.6, 3.0, 3.1, 3.8])
    layout = allocate(Design(4, 20, 20, 20), 0)
    held = []
    for values in draw(layout, truth, PEOPLE, 12, np.random.default_rng(0)):
        frame = to_frame(values, layout)
        means = {score.system: score.mean.value for score in mos(frame, SCALE).systems}
        found = {rank.system: rank for rank in ranks(compare(frame, SCALE), means)}
        held.append(
            all(found[name].best <= place <= found[name].worst for name, place in zip("DCBA", range(1, 5), strict=True))
        )
        assert sorted(rank.place for rank in found.values()) == [1, 2, 3, 4]
    assert np.mean(held) >= 0.9
    assert found["D"].best == 1
    assert found["A"].worst == 4


def test_groups_of_raters_differ_only_where_they_do() -> None:
    layout = allocate(Design(2, 20, 40, 20), 0)
    y = draw(layout, np.array([3.0, 3.4]), PEOPLE, 16, np.random.default_rng(0))
    frames = [to_frame(values, layout) for values in y]
    found = [group_difference(frame, SCALE, "device") for frame in frames]
    assert found[0].sizes == {"desktop": 30, "phone": 10}
    assert np.mean([one.p < 0.05 for one in found]) <= 0.2
    assert np.mean([one.p_systems < 0.05 for one in found]) <= 0.2
    phone = frames[0]["device"] == "phone"
    harsh = frames[0].assign(value=(frames[0]["value"] - 1.2 * phone).clip(1, 5))
    assert group_difference(harsh, SCALE, "device").p < 0.001
    taste = frames[0].assign(value=(frames[0]["value"] - 1.5 * (phone & (frames[0]["system"] == "A"))).clip(1, 5))
    assert group_difference(taste, SCALE, "device").p_systems < 0.01
    assert group_difference(frames[0].assign(device="phone"), SCALE, "device") is None


def test_missing_group_names_are_left_out() -> None:
    frame = simulate(Design(2, 12, 12, 12), np.array([3.0, 3.4]), PEOPLE, seed=1)
    language = frame["rater"].map({f"r{n:04d}": "en" if n < 5 else "de" if n < 10 else None for n in range(12)})
    found = group_difference(frame.assign(language=pd.Series(language, dtype=object)), SCALE, "language")
    assert found.sizes == {"en": 5, "de": 5}
