"""Agreement, raters, screening, scales side by side, and planning."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.mos import mos
from undertone.studies.analysis.power import TYPICAL, assured_half_width, expected_half_width, plan_power, power_at
from undertone.studies.analysis.raters import rater_table
from undertone.studies.analysis.reliability import alpha
from undertone.studies.analysis.screening import count_rules, screening_effect
from undertone.studies.analysis.simulation.coverage import mean_fits
from undertone.studies.analysis.simulation.planning import simulate_plan
from undertone.studies.analysis.simulation.simulate import Design, allocate, draw, simulate
from undertone.studies.analysis.stimuli import n_versus_m

SCALE = "naturalness"
DESIGN = Design(num_systems=3, num_prompts=16, num_raters=12, trials_per_rater=16)
MEANS = np.array([2.5, 3.2, 4.0])


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulate(DESIGN, MEANS, TYPICAL, seed=5)


def test_the_four_counts_are_those_of_the_ratings(frame: pd.DataFrame) -> None:
    counts = mos(frame, SCALE).counts
    assert counts.unique_raters == 12
    assert counts.ratings_per_rater == (16, 16.0, 16)
    assert counts.stimuli == 48
    assert counts.raters_per_stimulus[0] >= 3
    assert counts.ratings == 192


def test_alpha_of_the_textbook_example_is_its_published_value() -> None:
    nan = np.nan
    table = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    )
    cells = [(r, c) for r, c in itertools.product(range(4), range(12)) if not np.isnan(table[r, c])]
    base = simulate(Design(1, 12, 4, 12), np.array([3.0]), TYPICAL).head(len(cells))
    frame = base.assign(
        rater=[f"r{r}" for r, _ in cells],
        prompt=[f"p{c}" for _, c in cells],
        stimulus=[f"p{c}" for _, c in cells],
        value=[table[cell] for cell in cells],
    )
    found = alpha(frame, SCALE, resamples=200)
    assert found.value == pytest.approx(0.815, abs=5e-4)
    assert found.low < found.value < found.high


def test_alpha_is_one_when_all_agree_and_near_nought_by_chance(frame: pd.DataFrame) -> None:
    agreed = frame.assign(value=frame["system"].map({"A": 2.0, "B": 3.0, "C": 5.0}))
    assert alpha(agreed, SCALE, resamples=50).value == pytest.approx(1)
    chance = frame.assign(value=np.random.default_rng(0).integers(1, 6, len(frame)).astype(float))
    found = alpha(chance, SCALE, resamples=200)
    assert found.low < 0 < found.high


def test_alpha_says_why_there_is_none(frame: pd.DataFrame) -> None:
    assert "two raters" in alpha(frame[frame["rater"] == "r0001"], SCALE).note
    assert "every rating is 3" in alpha(frame.assign(value=3.0), SCALE).note
    assert "one prompt" in alpha(frame[frame["prompt"] == "p0001"], SCALE).note


def test_a_harsh_a_random_and_a_straight_rater_stand_out(frame: pd.DataFrame) -> None:
    values = frame["value"].to_numpy().copy()
    rater = frame["rater"].to_numpy()
    values[rater == "r0000"] -= 2
    values[rater == "r0001"] = np.random.default_rng(1).integers(1, 6, (rater == "r0001").sum())
    values[rater == "r0002"] = 3
    rows = {row.rater: row for row in rater_table(frame.assign(value=values), SCALE)}
    assert rows["r0000"].bias < -1.5
    assert rows["r0001"].agreement < 0.4
    assert rows["r0001"].inconsistency > 1
    assert rows["r0002"].straight_line
    assert rows["r0002"].agreement is None
    assert np.median([rows[f"r{number:04d}"].agreement for number in range(3, 12)]) > 0.5


def test_a_rater_is_compared_with_the_others_only() -> None:
    pair = simulate(Design(1, 4, 2, 4), np.array([3.0]), TYPICAL)
    values = np.where(pair["rater"] == "r0000", 5.0, 2.0)
    rows = {row.rater: row for row in rater_table(pair.assign(value=values), SCALE)}
    assert rows["r0000"].bias == 3
    assert rows["r0001"].bias == -3


def test_n_and_m_are_paired_by_rater_and_clip(frame: pd.DataFrame) -> None:
    second = frame.assign(scale="meaningfulness", value=np.clip(frame["value"] - 1, 1, 5))
    found = n_versus_m(pd.concat([frame, second.sample(frac=1, random_state=0)]), SCALE, "meaningfulness")
    assert found.within > 0.9
    assert len(found.stimuli) == 48
    for gap in found.systems:
        own = frame[frame["system"] == gap.system]["value"]
        assert gap.gap.value == pytest.approx(float((own - np.clip(own - 1, 1, 5)).mean()))


def sessions(verdicts: list[dict[str, bool]]) -> pd.DataFrame:
    screening = [{rule: {"passed": passed, "evidence": 1} for rule, passed in verdict.items()} for verdict in verdicts]
    return pd.DataFrame({"screening": screening, "started_at": pd.date_range("2026-01-01", periods=len(verdicts))})


def test_each_rule_says_how_many_it_dropped_and_how_many_alone() -> None:
    found = count_rules(sessions([{"trap": True, "gold": False}, {"trap": False, "gold": False}, {"trap": True}]))
    by_name = {rule.rule: rule for rule in found}
    assert (by_name["trap"].judged, by_name["trap"].failed, by_name["trap"].failed_alone) == (3, 1, 0)
    assert (by_name["gold"].judged, by_name["gold"].failed, by_name["gold"].failed_alone) == (2, 2, 1)


def test_screening_is_reported_with_and_without(frame: pd.DataFrame) -> None:
    random = frame["rater"].isin(["r0000", "r0001"])
    judged = frame.assign(accepted=~random, value=np.where(random, 1.0, frame["value"]))
    effect = screening_effect(judged, SCALE)
    assert all(shift.screened > shift.unscreened for shift in effect.shifts)
    assert sum(shift.ratings_given - shift.ratings_kept for shift in effect.shifts) == 32
    nobody = screening_effect(frame.assign(accepted=False), SCALE)
    assert nobody.screened is None
    assert "passed screening" in nobody.note


@pytest.mark.parametrize(("raters", "prompts", "trials"), [(30, 20, 20), (60, 60, 20), (150, 100, 15)])
def test_the_planned_half_width_is_the_one_that_simulated_studies_report(
    raters: int, prompts: int, trials: int
) -> None:
    layout = allocate(Design(4, prompts, raters, trials))
    y = draw(layout, np.full(4, 3.0), TYPICAL, 400, np.random.default_rng(0), rounded=False)
    simulated = float(mean_fits(y, layout).half_widths.mean())
    assert expected_half_width(TYPICAL, 4, prompts, raters, trials) == pytest.approx(simulated, rel=0.05)


def test_the_plan_reaches_its_goal_with_no_rater_too_many() -> None:
    found = plan_power(TYPICAL, half_width=0.1)
    assert found.recommended in found.options
    for option in found.options:
        assert option.half_width <= 0.1
        fewer = assured_half_width(TYPICAL, 4, option.prompts, option.raters - 1, option.trials_per_rater)
        assert fewer > 0.1


def test_a_given_system_reaches_the_planned_half_width_in_four_of_five_studies() -> None:
    best = plan_power(TYPICAL, half_width=0.25, trials_per_rater=20, prompts=(40, 60)).options[0]
    shown = simulate_plan(Design(4, best.prompts, best.raters, best.trials_per_rater), TYPICAL, studies=500)
    assert shown.half_width_reached == pytest.approx(0.25, rel=0.06)
    assert expected_half_width(TYPICAL, 4, best.prompts, best.raters, best.trials_per_rater) < 0.24


def test_the_planned_power_is_the_one_of_simulated_studies() -> None:
    best = plan_power(TYPICAL, systems=3, difference=0.3, contrasts=2, prompts=(40,)).options[0]
    design = Design(3, best.prompts, best.raters, best.trials_per_rater)
    shown = simulate_plan(design, TYPICAL, difference=0.3, contrasts=2, studies=500)
    assert best.power >= 0.8
    assert shown.power == pytest.approx(best.power, abs=0.07)
    assert power_at(TYPICAL, 0.3, 3, 40, best.raters, 20, contrasts=6) < best.power
    options = plan_power(TYPICAL, systems=3, difference=0.3, prompts=(20, 30, 40, 50, 75)).options
    raters = [option.raters for option in options]
    assert raters == sorted(raters, reverse=True)


@settings(max_examples=40, deadline=None)
@given(
    deviations=st.tuples(*[st.floats(0, 1.2)] * 4, st.floats(0.1, 1.2)),
    half_width=st.floats(0.05, 0.5),
    trials=st.integers(1, 60),
)
def test_more_prompts_never_need_more_raters(deviations: tuple[float, ...], half_width: float, trials: int) -> None:
    components = VarianceComponents.of_deviations(*deviations)
    found = plan_power(components, half_width, trials_per_rater=trials, prompts=(60, 100, 300))
    raters = [option.raters for option in found.options]
    assert raters == sorted(raters, reverse=True)
    assert bool(found.options) != bool(found.note)


def test_a_goal_out_of_reach_is_said_to_be() -> None:
    assert "no study" in plan_power(TYPICAL, half_width=0.01, prompts=(20,)).note
    with pytest.raises(AnalysisError, match="must be positive"):
        plan_power(TYPICAL, half_width=0)
    with pytest.raises(AnalysisError, match="at least two"):
        expected_half_width(TYPICAL, 4, 20, 1, 20)
