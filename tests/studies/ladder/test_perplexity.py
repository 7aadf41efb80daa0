"""Perplexity of continuations: the median with its interval, and those without a phone counted apart."""

import math

from undertone.engine.ladder import ContinuationScores, Continued
from undertone.studies.ladder.perplexity import judge_continuations


def scores(perplexities: list[list[float]], phones: int = 4) -> ContinuationScores:
    drawn = tuple(
        Continued(prompt=number, phones=("AH",) * phones, nats=phones * math.log(value))
        for number, values in enumerate(perplexities)
        for value in values
    )
    true = (Continued(prompt=0, phones=("T", "AH"), nats=2 * math.log(7)),)
    silent = Continued(prompt=0, phones=(), nats=0.0)
    return ContinuationScores(rung="phone-raw", seed=0, text="t", drawn=(*drawn, silent), true=true)


def test_the_median_lies_in_its_interval_and_silence_is_left_out() -> None:
    found = judge_continuations([scores([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]])])
    assert found is not None
    assert round(found.perplexity, 6) == 35.0
    assert 10 < found.low <= found.perplexity <= found.high < 60
    assert (round(found.true_perplexity, 6), found.continuations, found.silent) == (7.0, 7, 1)
    assert found.auto_bleu > 0.8
    assert found.true_auto_bleu == 0.0


def test_nothing_is_said_of_continuations_that_are_all_silent() -> None:
    assert judge_continuations([scores([[1.0]], phones=0)]) is None
