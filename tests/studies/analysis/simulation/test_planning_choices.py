"""The planner of choices: more raters for less to find, refusals, and power that a second simulation confirms."""

from dataclasses import replace

import pytest

from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.simulation.choosing import ChoiceStudy, People
from undertone.studies.analysis.simulation.planning_choices import plan_choices

SMALL = ChoiceStudy(
    People(system_rater=0.1, system_prompt=0.1), clips=3, trials=5, prompts=6, choose="balanced", at_once=20
)


def test_a_small_difference_needs_more_raters_than_a_large_one() -> None:
    large, small = (plan_choices(SMALL, 3, difference, studies=12, most=20) for difference in (1.5, 0.1))
    assert large.recommended is not None
    assert large.recommended.power >= 0.8
    assert large.recommended.minutes == pytest.approx(replace(SMALL, raters=large.recommended.raters).minutes)
    assert small.recommended is None
    assert [one.raters for one in small.tried] == [5, 10, 20]
    assert all(one.power < 0.8 for one in small.tried)


def test_nothing_is_found_more_often_than_it_may_be() -> None:
    """A difference of next to nothing is called, in the right direction, in 2.5 % of studies; of 40 hardly in 6."""
    found = plan_choices(SMALL, 3, 1e-9, power=0.5, studies=40, most=5)
    assert found.tried[0].power <= 6 / 40


@pytest.mark.parametrize(
    ("change", "systems", "difference", "complaint"),
    [({}, 2, 0.3, "3 clips"), ({"trials": 7}, 3, 0.3, "7 trials"), ({}, 3, 0.0, "above 0")],
)
def test_what_cannot_be_planned_is_refused(
    change: dict[str, int], systems: int, difference: float, complaint: str
) -> None:
    with pytest.raises(AnalysisError, match=complaint):
        plan_choices(replace(SMALL, **change), systems, difference)  # type: ignore[arg-type]
