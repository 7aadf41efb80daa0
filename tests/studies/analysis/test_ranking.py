"""Rankings: the fit against statsmodels, the intervals against simulated studies, and what cannot be told."""

import numpy as np
import pytest
from statsmodels.discrete.conditional_models import ConditionalLogit

from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.ranking import Judgement, clustered_fit, rank
from undertone.studies.analysis.simulation.choosing import (
    ChoiceStudy,
    contrasts,
    measure_choice_coverage,
    simulate_study,
)
from undertone.studies.choices.model import (
    Answer,
    fitted_strengths,
    information_of,
    is_connected,
    log_likelihood,
    scores_of,
    terms_of,
)

TRUTH = np.array([-0.8, -0.2, 0.1, 0.9])


def answers(number: int, size: int, seed: int = 0, with_worst: bool = True) -> list[Answer]:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        members = random.choice(len(TRUTH), size, replace=False)
        heard = TRUTH[members] + random.gumbel(size=size)
        worst = int(heard.argmin()) if with_worst and size > 2 else None
        found.append(Answer(tuple(map(int, members)), int(heard.argmax()), worst))
    return found


@pytest.mark.parametrize("size", [2, 3])
def test_strengths_are_those_of_a_conditional_logit(size: int) -> None:
    given = answers(300, size, with_worst=False)
    chosen, systems, groups = [], [], []
    for trial, answer in enumerate(given):
        for place, system in enumerate(answer.systems):
            chosen.append(place == answer.best)
            systems.append(np.eye(4)[system][1:])
            groups.append(trial)
    other = ConditionalLogit(np.array(chosen, float), np.array(systems), groups=np.array(groups)).fit(disp=False)
    ours = fitted_strengths(terms_of(given), 4)
    assert ours[1:] - ours[0] == pytest.approx(np.asarray(other.params), abs=1e-3)


def test_gradient_and_information_are_the_derivatives_of_the_likelihood() -> None:
    terms, at, step = terms_of([*answers(40, 4), Answer((0, 2), tie=True)]), TRUTH / 2, 1e-5
    for index in range(4):
        there = np.eye(4)[index] * step
        slope = (log_likelihood(terms, at + there) - log_likelihood(terms, at - there)) / (2 * step)
        assert scores_of(terms, at).sum(axis=0)[index] == pytest.approx(slope, abs=1e-5)
        curve = (scores_of(terms, at + there) - scores_of(terms, at - there)).sum(axis=0) / (2 * step)
        assert -information_of(terms, at)[index] == pytest.approx(curve, abs=1e-5)


def test_one_trial_of_each_rater_and_prompt_has_the_covariance_of_single_trials() -> None:
    given = answers(200, 4)
    alone = np.arange(len(given))
    fit = clustered_fit(terms_of(given), 4, alone, alone)
    assert fit.covariance == pytest.approx(fit.unclustered)


def test_ties_pull_two_systems_together_and_order_does_not_matter() -> None:
    wins = [Answer((0, 1), 0), Answer((1, 0), 1), Answer((0, 1), 1)]
    apart = fitted_strengths(terms_of(wins), 2)
    tied = fitted_strengths(terms_of([*wins, Answer((0, 1), tie=True), Answer((1, 0), tie=True)]), 2)
    assert apart[0] - apart[1] == pytest.approx(np.log(2))
    assert 0 < tied[0] - tied[1] < apart[0] - apart[1]


def judged(given: list[Answer], raters: int = 10, prompts: int = 8) -> list[Judgement]:
    names = "abcd"
    return [
        Judgement(
            f"r{trial % raters}",
            f"p{trial % prompts}",
            tuple(names[system] for system in answer.systems),
            None if answer.best is None else names[answer.systems[answer.best]],
            None if answer.worst is None else names[answer.systems[answer.worst]],
        )
        for trial, answer in enumerate(given)
    ]


def test_the_ranking_is_by_strength_and_ranks_that_are_told_apart_are_single() -> None:
    found = rank(judged(answers(2000, 4), raters=40, prompts=50))
    assert [system.system for system in found.systems] == ["d", "c", "b", "a"]
    assert (found.systems[0].best_rank, found.systems[0].worst_rank) == (1, 1)
    assert all(pair.value > 0 and pair.chance > 0.5 for pair in found.pairs)
    assert sum(system.strength for system in found.systems) == pytest.approx(0)


def test_a_system_that_always_won_has_no_interval_and_the_reason_is_said() -> None:
    given = [Answer((3, index), 0) for index in range(3)] * 4 + answers(60, 2, seed=1)
    given = [answer for answer in given if 3 not in answer.systems or answer.systems[answer.best or 0] == 3]
    assert not is_connected(terms_of(given), 4)
    found = rank(judged(given))
    assert found.systems[0].system == "d"
    assert all(system.low is None for system in found.systems)
    assert "always or never" in found.note


def test_nothing_to_rank_is_said() -> None:
    with pytest.raises(AnalysisError, match="no choices"):
        rank([])


def test_intervals_hold_under_active_choice() -> None:
    study = ChoiceStudy(liking=(3.0, 3.3, 3.6, 4.0), raters=12, trials=10, prompts=16, at_once=4, clips=3)
    found = measure_choice_coverage(study, 60)
    assert found.refused == 0
    assert 0.88 <= found.differences <= 0.99  # 0.95 within the error of 60 studies


def test_a_simulated_study_keeps_the_rules_of_the_plan() -> None:
    study = ChoiceStudy(raters=6, trials=8, prompts=10)
    given, raters, prompts = simulate_study(study, 1)
    assert len({*zip(raters.tolist(), prompts.tolist(), strict=True)}) == len(given) == 48
    assert contrasts(8).shape == (8 + 28, 8)
