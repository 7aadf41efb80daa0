"""On simulated studies with known truth the reported intervals hold what they promise, and the naive ones do not."""

import numpy as np
import pytest

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.simulation.coverage import IntervalCoverage, measure_coverage
from undertone.studies.analysis.simulation.simulate import CUTS, Design, allocate, draw, true_scores

PEOPLE = {  # standard deviations of rater, prompt, system x rater, system x prompt, rest
    "typical": VarianceComponents.of_deviations(0.5, 0.3, 0.2, 0.2, 0.7),
    "raters differ": VarianceComponents.of_deviations(0.8, 0.2, 0.3, 0.1, 0.6),
    "prompts differ": VarianceComponents.of_deviations(0.1, 0.6, 0.05, 0.3, 0.7),
    "tastes differ": VarianceComponents.of_deviations(0.5, 0.3, 0.4, 0.4, 0.6),
}
SMALL = [
    (Design(4, 20, 30, 20), "typical"),
    (Design(4, 20, 12, 20), "raters differ"),
    (Design(5, 100, 35, 20), "typical"),
    (Design(4, 20, 30, 20, missing=0.3), "prompts differ"),
    (Design(4, 20, 30, 20), "tastes differ"),
]
FULL = [
    (Design(4, 20, 30, 20), 4000),
    (Design(4, 100, 112, 25), 4000),  # the paper's: 100 prompts, 7 raters for each clip
    (Design(4, 20, 12, 20), 4000),
    (Design(3, 50, 15, 30), 4000),
    (Design(2, 40, 200, 10), 4000),
    (Design(4, 20, 30, 20, missing=0.3), 4000),
    (Design(5, 100, 35, 20), 4000),
]


def check(found: IntervalCoverage) -> None:
    """The bounds are the goal's; with 2000 studies a coverage of 0.95 is known to 0.005."""
    assert 0.93 <= found.means.value <= 0.97, found
    assert found.differences.value >= 0.93, found
    assert found.called_different.value <= 0.06, found
    assert found.naive_means.value < 0.93, found


@pytest.mark.parametrize(("design", "people"), SMALL)
def test_intervals_cover_and_equal_systems_stay_equal(design: Design, people: str) -> None:
    check(measure_coverage(design, PEOPLE[people], studies=2000))


def test_naive_tests_call_equal_systems_different() -> None:
    found = measure_coverage(Design(4, 20, 30, 20), PEOPLE["tastes differ"], studies=1000)
    assert found.naive_called_different.value > 0.2
    assert found.naive_half_width < found.half_width / 1.8


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("people", PEOPLE)
@pytest.mark.parametrize(("design", "studies"), FULL)
def test_intervals_cover_at_full_size(design: Design, studies: int, people: str) -> None:
    check(measure_coverage(design, PEOPLE[people], studies))


def test_the_true_score_is_what_many_ratings_come_to() -> None:
    people = PEOPLE["tastes differ"]
    means = np.array([1.4, 3.3, 4.8])
    layout = allocate(Design(3, 30, 30, 30))
    y = draw(layout, means, people, 400, np.random.default_rng(0))
    for system, truth in enumerate(true_scores(means, people)):
        averages = y[:, layout.system == system].mean(1)
        assert averages.mean() == pytest.approx(truth, abs=4 * averages.std() / np.sqrt(len(averages)))
    assert len(CUTS) == 4


def test_the_simulated_allocation_is_a_fair_one() -> None:
    layout = allocate(Design(4, 20, 30, 20))
    clips = np.zeros((20, 4))
    np.add.at(clips, (layout.prompt, layout.system), 1)
    assert np.abs(clips - clips.mean()).max() <= 2
    for rater in range(30):
        own = layout.rater == rater
        assert len(set(layout.prompt[own])) == own.sum()
        assert np.ptp(np.bincount(layout.system[own], minlength=4)) <= 1
