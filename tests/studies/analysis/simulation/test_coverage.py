"""On simulated studies with known truth the reported intervals hold what they promise, and the naive ones do not."""

import numpy as np
import pytest
from scipy import stats

from undertone.studies.analysis.simulation.coverage import (
    DESIGNS,
    FEW_TO_MANY,
    PEOPLE,
    SCORES,
    IntervalCoverage,
    WithinFits,
    measure_coverage,
    measure_mean_coverage,
)
from undertone.studies.analysis.simulation.simulate import CUTS, Design, Layout, allocate, draw, liking_of, true_scores

SMALL = [  # a few cells of the grid, which `undertone study simulate --grid` measures whole
    (Design(4, 20, 30, 20), "typical", 3.3),
    (Design(4, 20, 12, 20), "raters differ", 3.3),
    (Design(5, 60, 35, 20), "typical", 1.4),
    (Design(4, 20, 30, 20, missing=0.3), "prompts differ", 4.69),
    (Design(4, 20, 30, 20), "tastes differ", 3.3),
    (Design(4, 20, 12, 20), "typical", 4.69),
    (Design(4, 20, 30, 20), "raters' tastes differ", 4.86),
]


def check(found: IntervalCoverage, people: str) -> None:
    """The bounds are the goal's; with 700 studies a coverage of 0.95 is known to 0.008."""
    assert 0.93 <= found.means.value <= 0.975, found
    assert found.differences.value >= 0.93, found
    assert people == "no interplay" or found.differences.value <= 0.975, found
    assert found.called_different.value <= 0.065, found
    assert found.naive_means.value < 0.93, found


@pytest.mark.parametrize(("design", "people", "score"), SMALL)
def test_intervals_cover_and_equal_systems_stay_equal(design: Design, people: str, score: float) -> None:
    found = measure_coverage(design, PEOPLE[people], studies=700, liking=liking_of(score, PEOPLE[people]))
    assert found.true_score == pytest.approx(score)
    check(found, people)


def test_near_the_end_of_the_scale_an_interval_without_the_logit_misses() -> None:
    liking = liking_of(4.86, PEOPLE["typical"])
    found = measure_coverage(Design(4, 20, 8, 20), PEOPLE["typical"], studies=1000, liking=liking)
    assert found.linear_means.value < 0.92 < 0.935 < found.means.value


@pytest.mark.parametrize("score", [1.4, 3.3, 4.86])
@pytest.mark.parametrize("design", FEW_TO_MANY)
def test_means_hold_low_in_the_middle_and_near_the_ceiling(design: Design, score: float) -> None:
    found = measure_mean_coverage(design, PEOPLE["raters differ"], 1000, score)
    assert 0.93 <= found.held.value <= 0.985, found
    assert max(found.below, found.above) <= 0.05, found
    assert found.below + found.above == pytest.approx(1 - found.held.value, abs=0.01)
    assert found.told > 0.9, found


def test_a_difference_on_few_shared_prompts_has_the_degrees_of_freedom_of_those() -> None:
    layout = shared_prompts(own=20, shared=4, raters=30, trials=20)
    fits = WithinFits.of(layout)
    y = draw(layout, np.full(2, 3.3), PEOPLE["tastes differ"], 1000, np.random.default_rng(0))
    found = fits.fit(y)
    assert fits.effective[1][0] < 6
    assert float(np.max(found.df)) < 5
    assert float((found.p < 0.05).mean()) <= 0.06
    wrong = 2 * stats.t.sf(np.abs(found.values) / found.errors, 19)  # of the 20 prompts that each system has
    assert float((wrong < 0.05).mean()) > 0.08


def shared_prompts(own: int, shared: int, raters: int, trials: int) -> Layout:
    """Two systems with `own` prompts each, `shared` of them the same; a rater hears random ones, one system each."""
    random = np.random.default_rng(0)
    num_prompts = 2 * own - shared
    rows = []
    for rater in range(raters):
        for position, prompt in enumerate(random.permutation(num_prompts)[:trials]):
            can = [system for system in (0, 1) if (prompt < own if system == 0 else prompt >= num_prompts - own)]
            rows.append((rater, int(prompt), int(random.choice(can)), position))
    return Layout(*np.array(rows, dtype=np.int64).T)


def test_naive_tests_call_equal_systems_different() -> None:
    found = measure_coverage(Design(4, 20, 30, 20), PEOPLE["tastes differ"], studies=1000)
    assert found.naive_called_different.value > 0.2
    assert found.naive_half_width < found.half_width / 1.8


@pytest.mark.parametrize("people", PEOPLE)
@pytest.mark.parametrize("design", DESIGNS)
def test_intervals_cover_over_the_whole_grid(design: Design, people: str) -> None:
    """One score for each design and people, in turn; `undertone study simulate --grid` measures every score."""
    score = SCORES[(DESIGNS.index(design) + list(PEOPLE).index(people)) % len(SCORES)]
    found = measure_coverage(design, PEOPLE[people], 400, liking_of(score, PEOPLE[people]))
    assert 0.92 <= found.means.value <= 0.99, found
    assert 0.93 <= found.differences.value <= 0.995, found
    assert found.called_different.value <= 0.065, found
    assert found.naive_means.value < min(0.93, found.means.value), found


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
