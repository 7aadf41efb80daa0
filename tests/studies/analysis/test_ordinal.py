"""The ordinal mixed model against R's `ordinal`, its own finite differences, and simulated truth."""

import numpy as np
import pytest
from scipy.special import expit

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.ordinal import ordinal_model
from undertone.studies.analysis.ordinal_criterion import OrdinalCriterion
from undertone.studies.analysis.ordinal_fit import OrdinalFitError, fit_ordinal
from undertone.studies.analysis.simulation.simulate import Design, allocate, simulate, to_frame

# Bitterness of wine (Randall, 1989), rows by temperature and contact, columns by judge, as printed in table 1 of
# Christensen's "A Tutorial on fitting Cumulative Link Mixed Models with clmm2".
WINE = np.array(
    [
        [2, 1, 2, 3, 2, 3, 1, 2, 1],
        [3, 2, 3, 2, 3, 2, 1, 2, 2],
        [3, 1, 3, 3, 4, 3, 2, 2, 3],
        [4, 3, 2, 2, 3, 2, 2, 3, 2],
        [4, 2, 5, 3, 3, 2, 2, 3, 3],
        [4, 3, 5, 2, 3, 4, 3, 3, 2],
        [5, 5, 4, 5, 3, 5, 2, 3, 4],
        [5, 4, 4, 3, 3, 4, 3, 4, 4],
    ]
)
BOTTLE, JUDGE = (index.ravel() for index in np.indices(WINE.shape))
TREATMENT = np.stack([BOTTLE // 4, BOTTLE // 2 % 2], axis=1).astype(float)  # warm, contact


def test_the_wine_data_give_what_r_prints() -> None:
    """Values of the tutorial: rating ~ temp + contact + (1 | judge), logit, Laplace."""
    fit = fit_ordinal(
        WINE.ravel() - 1, TREATMENT, JUDGE, BOTTLE, np.zeros(72, dtype=np.int64), (True, False, False, False)
    )
    assert fit.converged
    assert fit.cuts == pytest.approx([-1.6237, 1.5134, 4.2285, 6.0888], abs=1e-4)
    assert fit.slopes == pytest.approx([3.0630, 1.8349], abs=1e-4)
    assert fit.errors[-2:] == pytest.approx([0.5954, 0.5125], abs=1e-3)
    assert fit.deviations[0] == pytest.approx(1.1311, abs=1e-3)
    assert fit.log_likelihood == pytest.approx(-81.5654, abs=1e-3)


@pytest.mark.parametrize("sides", [(JUDGE, BOTTLE), (BOTTLE, JUDGE)])
def test_the_gradient_is_that_of_the_criterion(sides: tuple[np.ndarray, np.ndarray]) -> None:
    """Through the mode of the effects and the determinant, whichever side is eliminated."""
    model = OrdinalCriterion(WINE.ravel() - 1, TREATMENT, *sides, BOTTLE // 4, np.arange(4))
    at = np.array([-1.0, 0.5, 0.6, 0.4, 1.0, 0.8, 0.9, 0.6, 0.5, 0.4])
    steps = 1e-5 * np.eye(len(at))
    finite = [(model.criterion(at + step)[0] - model.criterion(at - step)[0]) / 2e-5 for step in steps]
    assert model.criterion(at)[1] == pytest.approx(finite, abs=1e-6)


def test_without_any_effect_the_model_is_the_ordinal_regression_of_the_counts() -> None:
    """One column of two groups at two answers has its maximum where the odds are those observed."""
    y, x = np.repeat([0, 1, 0, 1], [30, 10, 12, 28]), np.repeat([0.0, 1.0], 40)[:, None]
    nothing = np.zeros(80, dtype=np.int64)
    fit = fit_ordinal(y, x, nothing, nothing, nothing, (False, False, False, False))
    assert fit.cuts == pytest.approx([np.log(3)], abs=1e-3)
    assert fit.slopes == pytest.approx([np.log(3) + np.log(28 / 12)], abs=1e-3)
    assert fit.errors[1] == pytest.approx(np.sqrt(1 / 30 + 1 / 10 + 1 / 12 + 1 / 28), abs=1e-3)


def test_simulated_truth_is_found() -> None:
    """Ratings drawn from the model itself: estimates lie within four standard errors of what they were drawn from."""
    layout = allocate(Design(3, 40, 60, 20), 3)
    random = np.random.default_rng(5)
    truth, cuts = np.array([0.0, 0.6, 1.5]), np.array([-1.5, 0.0, 1.2, 2.6])
    eta = truth[layout.system] + random.normal(0, 1.0, 60)[layout.rater] + random.normal(0, 0.6, 40)[layout.prompt]
    eta += random.normal(0, 0.5, (3, 60))[layout.system, layout.rater]
    values = 1.0 + (random.random((len(eta), 1)) > expit(cuts - eta[:, None])).sum(1)
    found = ordinal_model(to_frame(values, layout), "naturalness")
    assert found.converged
    assert found.answers == (1.0, 2.0, 3.0, 4.0, 5.0)
    for first, second, gap in (("A", "B", -0.6), ("C", "A", 1.5), ("B", "C", -0.9)):
        pair = found.difference(first, second)
        assert pair is not None
        error = (pair.high - pair.low) / 3.92
        assert error < 0.25
        assert abs(pair.value - gap) < 4 * error
    assert found.deviations is not None
    assert found.deviations == pytest.approx([1.0, 0.6, 0.5, 0.0], abs=0.4)  # four standard errors of the least sure


def test_a_scale_read_backwards_turns_every_difference() -> None:
    people = VarianceComponents.of_deviations(rater=0.5, prompt=0.3, system_rater=0.2, system_prompt=0.2, residual=0.7)
    frame = simulate(Design(2, 12, 15, 8), np.array([3.0, 3.6]), people, 2)
    one = ordinal_model(frame, "naturalness").difference("A", "B")
    other = ordinal_model(frame.assign(value=6 - frame["value"]), "naturalness").difference("B", "A")
    assert one is not None
    assert other is not None
    assert other.value == pytest.approx(one.value, abs=2e-3)
    assert other.high == pytest.approx(one.high, abs=5e-3)


def test_what_cannot_be_fitted_is_said() -> None:
    people = VarianceComponents.of_deviations(rater=0.5, prompt=0.3, system_rater=0.2, system_prompt=0.2, residual=0.7)
    frame = simulate(Design(2, 6, 6, 6), np.array([3.0, 3.6]), people)
    assert "do not vary" in ordinal_model(frame.assign(value=3.0), "naturalness").note
    assert "one rater" in ordinal_model(frame.assign(rater="r"), "naturalness").note
    assert "different answers" in ordinal_model(frame.assign(value=np.arange(36.0)), "naturalness").note
    ends = frame.assign(value=np.where(frame["system"] == "A", 1.0, 5.0))
    assert ordinal_model(ends, "naturalness").note
    assert not ordinal_model(ends, "naturalness").differences
    with pytest.raises(OrdinalFitError, match="two categories"):
        fit_ordinal(np.zeros(4, dtype=np.int64), np.zeros((4, 0)), *[np.arange(4)] * 3)
