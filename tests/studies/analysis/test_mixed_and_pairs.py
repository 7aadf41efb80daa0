"""The reported numbers against statsmodels called another way and closed forms; data with nothing to say."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from undertone.studies.analysis.bootstrap import two_way_bootstrap
from undertone.studies.analysis.components import VarianceComponents, estimate_components, variance_components
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.mixed import mixed_model
from undertone.studies.analysis.mos import mos
from undertone.studies.analysis.pairs import BETWEEN, WITHIN, compare
from undertone.studies.analysis.ratings_frame import select
from undertone.studies.analysis.simulation.coverage import WithinFits, mean_fits
from undertone.studies.analysis.simulation.simulate import Design, allocate, draw, simulate

TYPICAL = VarianceComponents.of_deviations(rater=0.5, prompt=0.3, system_rater=0.2, system_prompt=0.2, residual=0.7)
DESIGN = Design(num_systems=3, num_prompts=14, num_raters=11, trials_per_rater=12, missing=0.2)
MEANS = np.array([2.8, 3.3, 3.9])
SCALE = "naturalness"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulate(DESIGN, MEANS, TYPICAL, seed=5)


def groups(frame: pd.DataFrame) -> np.ndarray:
    return np.stack([frame["rater"].factorize()[0], frame["prompt"].factorize()[0]], axis=1)


def test_a_mean_is_the_one_that_the_formula_interface_fits(frame: pd.DataFrame) -> None:
    for score in mos(frame, SCALE).systems:
        own = frame[frame["system"] == score.system]
        fit = smf.ols("value ~ 1", own).fit(cov_type="cluster", cov_kwds={"groups": groups(own)})
        assert score.mean.value == pytest.approx(fit.params["Intercept"], abs=1e-10)
        floor = float(smf.ols("value ~ 1", own).fit().cov_HC1[0, 0])
        expected = np.sqrt(max(float(fit.cov_params().iloc[0, 0]), floor))
        assert score.mean.standard_error == pytest.approx(expected, abs=1e-10)
        assert 2 <= score.mean.df <= min(own["rater"].nunique(), own["prompt"].nunique()) - 1


def test_differences_are_those_of_the_fit_with_rater_and_prompt_effects(frame: pd.DataFrame) -> None:
    comparison = compare(frame, SCALE)
    assert comparison.method == WITHIN
    model = smf.ols("value ~ C(system) + C(rater) + C(prompt)", frame)
    covariance = model.fit(cov_type="cluster", cov_kwds={"groups": groups(frame)}).cov_params()
    floor = pd.DataFrame(model.fit().cov_HC1, covariance.index, covariance.columns)
    for pair in comparison.pairs[:2]:  # A against B and C, which the formula fits as dummies
        name = f"C(system)[T.{pair.second}]"
        assert pair.value == pytest.approx(-model.fit().params[name], abs=1e-9)
        variance = max(covariance.loc[name, name], floor.loc[name, name])
        assert pair.standard_error == pytest.approx(np.sqrt(variance), abs=1e-9)


def test_the_fast_formulas_of_the_simulation_are_the_fits_of_the_report(frame: pd.DataFrame) -> None:
    layout = allocate(DESIGN, seed=5)
    y = frame["value"].to_numpy()[None]
    scores, gaps = mean_fits(y, layout), WithinFits.of(layout).fit(y)
    for number, score in enumerate(mos(frame, SCALE).systems):
        assert score.mean.value == pytest.approx(scores.values[0, number], abs=1e-8)
        assert score.mean.half_width == pytest.approx(scores.half_widths[0, number], abs=1e-8)
    within = mean_fits(y, layout, (1, 5))
    for number, score in enumerate(mos(frame, SCALE, limits=(1, 5)).systems):
        assert (score.mean.low, score.mean.high) == pytest.approx([end[0, number] for end in within.ends], abs=1e-8)
    for number, pair in enumerate(compare(frame, SCALE).pairs):
        assert pair.df == pytest.approx(gaps.df[0, number], rel=1e-6)
        assert pair.value == pytest.approx(gaps.values[0, number], abs=1e-8)
        assert pair.standard_error == pytest.approx(gaps.errors[0, number], abs=1e-8)
        assert pair.p == pytest.approx(gaps.p[0, number], abs=1e-8)


def test_holm_never_makes_a_pair_more_different(frame: pd.DataFrame) -> None:
    pairs = compare(frame, SCALE).pairs
    assert all(pair.p_holm >= pair.p for pair in pairs)
    assert min(pair.p for pair in pairs) * len(pairs) == pytest.approx(min(pair.p_holm for pair in pairs))


def test_a_harsh_rater_who_met_one_system_more_often_does_not_move_a_difference() -> None:
    design = Design(num_systems=2, num_prompts=12, num_raters=8, trials_per_rater=12)
    layout = allocate(design)
    fair = simulate(design, np.array([3.0, 3.0]), VarianceComponents(0, 0, 0, 0, 0))
    harsh = fair.assign(value=fair["value"] - (fair["rater"] == "r0000"))
    lopsided = harsh[~((harsh["rater"] == "r0000") & (harsh["system"] == "A") & (layout.position > 2))]
    pair = compare(lopsided, SCALE).pairs[0]
    assert pair.raw > 0.05
    assert pair.value == pytest.approx(0, abs=1e-8)


def test_bootstrap_and_mixed_model_agree_with_the_fit() -> None:
    study = simulate(Design(3, 30, 30, 20), MEANS, TYPICAL, seed=2)
    table = mos(study, SCALE)
    resampled, mixed = two_way_bootstrap(study, SCALE), mixed_model(study, SCALE)
    assert mixed.converged
    for score, percentiles, mean in zip(table.systems, resampled.means, mixed.means, strict=True):
        assert percentiles.value == pytest.approx(score.mean.value)
        assert (percentiles.high - percentiles.low) / 2 == pytest.approx(score.mean.half_width, rel=0.25)
        assert mean.value == pytest.approx(score.mean.value, abs=0.06)
        assert (mean.high - mean.low) / 2 == pytest.approx(score.mean.half_width, rel=0.25)


def test_variance_components_are_found_again() -> None:
    layout = allocate(Design(4, 40, 60, 20), seed=1)
    truth = VarianceComponents.of_deviations(0.6, 0.3, 0.25, 0.2, 0.7)
    studies = draw(layout, np.full(4, 3.0), truth, 60, np.random.default_rng(0), rounded=False)
    found = [estimate_components(y, layout.rater, layout.prompt, layout.system).named() for y in studies]
    for name, variance in truth.named().items():
        values = np.array([one[name] for one in found])
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert values.mean() == pytest.approx(variance, abs=4 * error + 0.03 * variance), name


def test_variance_components_sum_to_the_variance_of_a_rating(frame: pd.DataFrame) -> None:
    found = variance_components(frame, SCALE)
    within = frame["value"] - frame.groupby("system")["value"].transform("mean")
    assert found.total == pytest.approx(float((within**2).mean()), rel=0.15)
    assert all(count > 0 for count in found.pairs.values())


def test_one_rater_gives_means_without_intervals_and_says_why(frame: pd.DataFrame) -> None:
    alone = frame[frame["rater"] == "r0001"]
    table = mos(alone, SCALE)
    assert all(score.mean.low is None and "one rater" in score.mean.note for score in table.systems)
    assert all(pair.p is None and pair.note for pair in compare(alone, SCALE).pairs)
    assert two_way_bootstrap(alone, SCALE).means[0].low is None
    assert mixed_model(alone, SCALE).note


def test_one_prompt_gives_means_without_intervals_and_says_why(frame: pd.DataFrame) -> None:
    alone = frame[frame["prompt"] == "p0003"]
    assert all("one prompt" in score.mean.note for score in mos(alone, SCALE).systems)
    assert all(pair.low is None for pair in compare(alone, SCALE).pairs)


def test_ratings_that_never_vary_have_no_interval(frame: pd.DataFrame) -> None:
    flat = frame.assign(value=4.0)
    assert all(score.mean.value == 4 and score.mean.half_width is None for score in mos(flat, SCALE).systems)
    assert all(pair.p is None and "do not vary" in pair.note for pair in compare(flat, SCALE).pairs)
    assert mixed_model(flat, SCALE).note
    assert variance_components(flat, SCALE).total == 0


def test_one_system_has_a_score_and_no_pairs(frame: pd.DataFrame) -> None:
    one = frame[frame["system"] == "B"]
    assert len(mos(one, SCALE).systems) == 1
    comparison = compare(one, SCALE)
    assert comparison.pairs == ()
    assert "only 'B'" in comparison.note
    assert mixed_model(one, SCALE).means
    assert "cannot be told apart" in variance_components(one, SCALE).note


def test_systems_heard_by_different_raters_are_compared_between_means(frame: pd.DataFrame) -> None:
    first = frame["rater"] < "r0006"
    apart = frame[(first & (frame["system"] == "A")) | (~first & (frame["system"] == "B"))]
    comparison = compare(apart, SCALE)
    assert comparison.method == BETWEEN
    pair = comparison.pairs[0]
    assert pair.value == pytest.approx(pair.raw)
    assert pair.shared_raters == 0


def test_one_rating_for_each_rater_is_not_explained_away_by_his_own_effect() -> None:
    study = simulate(Design(2, 10, 40, 1), np.array([3.0, 3.5]), TYPICAL, seed=4)
    pair = compare(study, SCALE).pairs[0]
    assert pair.method == BETWEEN
    assert pair.standard_error > 0.05
    with pytest.raises(AnalysisError, match="no rater gave two"):
        variance_components(study, SCALE)


def test_a_single_rating_is_a_mean(frame: pd.DataFrame) -> None:
    score = mos(frame.head(1), SCALE).systems[0]
    assert score.mean.value == frame["value"].iloc[0]
    assert score.naive_half_width is None
    assert score.counts.ratings == 1


def test_what_is_missing_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(AnalysisError, match="lacks rater"):
        select(frame.drop(columns="rater"), SCALE)
    with pytest.raises(AnalysisError, match="'fun'; scales with ratings: naturalness"):
        mos(frame, "fun")
    with pytest.raises(AnalysisError, match="passed screening"):
        mos(frame.assign(accepted=False), SCALE)
    with pytest.raises(AnalysisError, match="expected a number"):
        mos(frame.assign(value="good"), SCALE)
    with pytest.raises(AnalysisError, match="trials_per_rater is 5 with 3 prompts"):
        Design(2, 3, 4, 5)


def test_traps_casual_kinds_and_sessions_not_judged_are_no_part_of_a_score(frame: pd.DataFrame) -> None:
    trap = frame.head(20).assign(kind="trap", value=1.0)
    waiting = frame.head(20).assign(accepted=None, value=1.0)
    mixed = pd.concat([frame, trap, waiting], ignore_index=True)
    assert mos(mixed, SCALE) == mos(frame, SCALE)
    assert mos(mixed, SCALE, screened=False).counts.ratings == len(frame) + 20
