"""Perplexity of continuations by one judge of phones, and how much they repeat themselves, which it would reward."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from undertone.engine.config import Config
from undertone.engine.ladder import ContinuationScores, Continued
from undertone.studies.measures.intervals import LEVEL
from undertone.studies.measures.repetition import auto_bleu

RESAMPLES = 2000


class ContinuationResult(Config):
    """Continuations of one rung over all seeds."""

    perplexity: float  # per phone, the median over continuations
    low: float  # of its 95 % interval over prompts
    high: float
    true_perplexity: float  # the same of what follows in the books, as this rung says it
    auto_bleu: float  # AUTO-BLEU-2 of the phones, the mean
    true_auto_bleu: float
    continuations: int
    silent: int  # of them without a phone, which are left out


def judge_continuations(seeds: Sequence[ContinuationScores]) -> ContinuationResult | None:
    """Return what continuations of the same prompts are like; None where none of them has a phone."""
    drawn = [one for scores in seeds for one in scores.drawn]
    said, true = [one for one in drawn if one.phones], [one for one in seeds[0].true if one.phones]
    if not said or not true:
        return None
    numbers = sorted({one.prompt for one in said})
    by_prompt = [np.array([_perplexity(one) for one in said if one.prompt == number]) for number in numbers]
    low, high = _interval_of_median(by_prompt)
    return ContinuationResult(
        perplexity=float(np.median(np.concatenate(by_prompt))),
        low=low,
        high=high,
        true_perplexity=float(np.median([_perplexity(one) for one in true])),
        auto_bleu=float(np.mean([auto_bleu(one.phones) for one in said])),
        true_auto_bleu=float(np.mean([auto_bleu(one.phones) for one in true])),
        continuations=len(drawn),
        silent=len(drawn) - len(said),
    )


def _perplexity(one: Continued) -> float:
    return float(np.exp(one.nats / len(one.phones)))


def _interval_of_median(by_prompt: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the percentiles of the median of prompts drawn with replacement, each with all its continuations."""
    random = np.random.default_rng(0)
    medians = [
        np.median(np.concatenate([by_prompt[place] for place in random.integers(len(by_prompt), size=len(by_prompt))]))
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(medians, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
