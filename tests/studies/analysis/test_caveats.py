"""What a report says of its numbers follows them: no sentence stands where the data contradict it."""

from dataclasses import replace

import pytest

from undertone.studies.analysis.bootstrap import Percentiles
from undertone.studies.analysis.caveats import (
    checks_words,
    dots_words,
    equalising_words,
    naive_words,
    order_words,
    second_words,
    unjudged_words,
)
from undertone.studies.analysis.clustered import Mean
from undertone.studies.analysis.mos import RatingTotals, SystemScore
from undertone.studies.analysis.order import OrderEffect

COUNTS = RatingTotals(2, (1, 1.0, 1), (1, 1.0, 1), 2, 2, 2)


def score(half_width: float | None, naive: float | None, system: str = "a") -> SystemScore:
    ends = (None, None) if half_width is None else (3 - half_width, 3 + half_width)
    return SystemScore(system, Mean(3.0, 1, 2, 2, 2, *ends), naive, None, COUNTS, {3.0: 2})


def resampled(half_width: float | None) -> Percentiles:
    ends = (None, None) if half_width is None else (3 - half_width, 3 + half_width)
    return Percentiles("a", 3.0, *ends, 100)


def test_older_papers_intervals_are_called_too_narrow_only_where_they_are() -> None:
    assert "too narrow" in naive_words([score(0.3, 0.1), score(0.2, 0.1)])
    assert naive_words([score(0.3, 0.1), score(0.1, 0.2)]).endswith("here it is narrower for 1 of 2 systems.")
    assert "narrow" not in naive_words([score(0.1, 0.2)])
    assert naive_words([score(None, 0.1), score(0.2, None)]) == ""


def test_open_dots_are_explained_where_there_are_some() -> None:
    roles = {"a": "system", "real": "ground_truth", "low": "low_anchor"}
    assert dots_words(roles, ["a"]) == ""
    assert dots_words(roles, ["a", "low"]) == "Open dots: anchors."
    assert dots_words(roles, ["real", "low"]) == "Open dots: ground truth and anchors."


def test_checks_name_the_methods_that_were_used() -> None:
    wide, narrow = [resampled(0.4)], [resampled(0.2)]
    own = [score(0.3, 0.1)]
    assert checks_words(own, wide, mixed=True).startswith("The same means by a two-way bootstrap and by a mixed model;")
    assert "somewhat wide" in checks_words(own, wide, mixed=False)
    assert checks_words(own, narrow, mixed=False) == "The same means by a two-way bootstrap."
    assert checks_words(own, [resampled(None)], mixed=True) == "The same means by a mixed model."
    assert checks_words(own, [resampled(None)], mixed=False).startswith("No other method")


@pytest.mark.parametrize(
    ("p", "said"), [(None, "cannot be told"), (0.2, "No change is told."), (0.01, "a 0.40, b 0.60")]
)
def test_a_change_within_sessions_is_told_when_it_was_tested(p: float | None, said: str) -> None:
    order = OrderEffect(score(0.1, 0.1).mean, (1.0, 1.0), p, {"a": 0.4, "b": 0.6})
    words = order_words(order)
    assert said in words
    assert ("differently" in words) == (p is not None and p < 0.05)
    assert order_words(replace(order, p=0.05)) == "No change is told."
    alone = replace(order, p=0.01, mean_places={"a": 0.5})
    assert order_words(alone) == "Raters judged differently as they went on."


def at(system: str, mean: float) -> SystemScore:
    own = score(0.3, 0.1, system)
    return replace(own, mean=replace(own.mean, value=mean), distribution={mean: 2})


def test_range_equalising_is_named_with_the_references_that_lie_outside_the_systems() -> None:
    roles = {"real": "ground_truth", "low": "low_anchor"}
    both = equalising_words(roles, [at("low", 1), at("a", 3), at("real", 5)], (1, 5))
    assert both.endswith("a poor anchor raises the scores of the others and ground truth lowers those of the others.")
    assert "anchor" not in equalising_words(roles, [at("a", 3), at("real", 5)])
    assert equalising_words({}, [at("a", 3), at("b", 4)]).endswith("(range equalising).")
    failed = equalising_words(roles, [at("low", 4), at("a", 3), at("b", 5)], (1, 5))
    assert "raises" not in failed
    assert "Low was not rated below every system: as a reference it did not do its part." in failed
    assert "Here they used 3 to 5 of 1 to 5." in failed
    assert "Here every rating was 5." in equalising_words({}, [at("a", 5), at("b", 5)], (1, 5))


def test_what_is_heard_second_is_told_with_its_doubt() -> None:
    for value, low, high, said in (
        (0.2, 0.1, 0.3, "second is preferred"),
        (-0.2, -0.3, -0.1, "first is preferred"),
        (-0.2, -0.5, 0.1, "no preference for a place is told"),
        (0.2, None, None, "cannot be told"),
    ):
        assert said in second_words(Mean(value, 3, 9, 4, 4, low, high))


def test_a_rule_that_judged_nobody_yet_is_a_rule() -> None:
    assert unjudged_words({}) == "No screening rule was set."
    assert unjudged_words({"screening": {"rules": []}, "sections": [{"kind": "rating"}]}) == unjudged_words({})
    for definition in ({"screening": {"rules": [{"kind": "golds"}]}}, {"sections": [{"kind": "headphones"}]}):
        assert unjudged_words(definition) == "No session has been judged yet."
