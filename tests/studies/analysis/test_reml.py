"""The mixed model against statsmodels' general one, closed forms of balanced data, and simulated truth."""

import time

import numpy as np
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.mixed import mixed_model
from undertone.studies.analysis.pairs import compare
from undertone.studies.analysis.reml import fit_reml
from undertone.studies.analysis.simulation.simulate import Design, allocate, draw, simulate, to_frame

PEOPLE = VarianceComponents.of_deviations(rater=0.5, prompt=0.3, system_rater=0.3, system_prompt=0.25, residual=0.7)
MEANS = np.array([3.0, 3.4, 3.9])


def test_the_fit_is_the_one_of_a_general_mixed_model() -> None:
    design = Design(3, 15, 10, 12, missing=0.1)
    layout = allocate(design, 2)
    y = draw(layout, MEANS, PEOPLE, 1, np.random.default_rng(2))[0]
    found = fit_reml(y, layout.rater, layout.prompt, layout.system)
    frame = to_frame(y, layout)
    frame = frame.assign(one=1, sr=frame["system"] + frame["rater"], sp=frame["system"] + frame["prompt"])
    parts = {name: f"0 + C({name})" for name in ("rater", "prompt", "sr", "sp")}
    model = smf.mixedlm("value ~ 0 + C(system)", frame, groups="one", re_formula="0", vc_formula=parts)
    other = model.fit(reml=True, method="lbfgs")
    assert found.deviance == pytest.approx(-2 * other.llf, abs=1e-3)
    assert found.deviance <= -2 * other.llf + 1e-6
    assert found.means == pytest.approx(other.fe_params.to_numpy(), abs=1e-3)
    variances = dict(zip(model.exog_vc.names, other.vcomp, strict=True))
    expected = [*(variances[name] for name in parts), other.scale]
    assert found.variances == pytest.approx(expected, abs=3e-3)


def test_degrees_of_freedom_of_balanced_data_are_those_of_the_table_of_variances() -> None:
    # One rating by each rater of each system, no prompts' share: a paired t test with R - 1 degrees of freedom.
    random = np.random.default_rng(0)
    raters, prompts = 12, 8
    rater, prompt, system = (ids.ravel() for ids in np.meshgrid(range(raters), range(prompts), range(2), indexing="ij"))
    y = 3 + random.normal(size=raters)[rater] + random.normal(size=(raters, 2))[rater, system]
    y = y + 0.3 * random.normal(size=len(y))
    found = fit_reml(y, rater, prompt, system)
    gaps = np.array(
        [y[(rater == one) & (system == 0)].mean() - y[(rater == one) & (system == 1)].mean() for one in range(raters)]
    )
    contrast = np.array([[1.0, -1.0]])
    t = float((contrast @ found.means)[0] / np.sqrt(contrast @ found.covariance @ contrast.T)[0, 0])
    assert t == pytest.approx(float(stats.ttest_1samp(gaps, 0).statistic), rel=0.05)
    assert found.satterthwaite(contrast)[0] == pytest.approx(raters - 1, abs=1.0)


def test_thousands_of_ratings_are_fitted_in_seconds() -> None:
    frame = simulate(Design(4, 100, 140, 20), np.array([3.0, 3.2, 3.4, 3.6]), PEOPLE, seed=1)
    began = time.process_time()
    found = mixed_model(frame, "naturalness")
    assert time.process_time() - began < 20
    assert found.converged
    assert found.ratings == 2800
    for name, variance in found.components.named().items():
        assert variance == pytest.approx(PEOPLE.named()[name], abs=0.12), name


def test_pairs_get_a_second_opinion_that_agrees() -> None:
    frame = simulate(Design(3, 30, 30, 20), MEANS, PEOPLE, seed=2)
    mixed = mixed_model(frame, "naturalness")
    for pair in compare(frame, "naturalness").pairs:
        other = mixed.difference(pair.first, pair.second)
        assert other.value == pytest.approx(pair.value, abs=0.08)
        assert (other.high - other.low) / (pair.high - pair.low) == pytest.approx(1, abs=0.35)
        back = mixed.difference(pair.second, pair.first)
        assert (back.value, back.low, back.p) == (-other.value, -other.high, other.p)


def test_systems_of_unequal_spread_are_named() -> None:
    frame = simulate(Design(2, 20, 20, 20), np.array([3.0, 4.9]), PEOPLE, seed=2)
    assert "ratings of A vary" in mixed_model(frame, "naturalness").caution
    assert (
        mixed_model(simulate(Design(2, 20, 20, 20), np.array([3.0, 3.1]), PEOPLE, seed=2), "naturalness").caution == ""
    )
