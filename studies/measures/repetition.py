"""How much generated texts repeat themselves and each other: AUTO-BLEU, self-BLEU and VERT (arXiv 2102.01192).

As in the published scorer (fairseq, examples/textless_nlp/gslm/metrics/asr_metrics): orders 1 to `longest` combined by
their geometric mean, no penalty of length, and an n-gram repeats another only where they do not overlap. Other scorers
that carry the same names take bigrams alone (slamkit); their numbers are not these.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from undertone.studies.measures.intervals import Estimate, interval

LONGEST = 2  # the published order
Ngram = tuple[str, ...]


def auto_bleu(words: Sequence[str], longest: int = LONGEST) -> float:
    """Return the share of n-grams that occur again in the same text, the geometric mean over orders, 0 to 1.

    A text of less than two words, and one without an n-gram of some order, gives 0.
    """
    if len(words) <= 1:
        return 0.0
    return math.prod(_share_repeated(words, order) ** (1 / longest) for order in range(1, longest + 1))


def self_bleu(texts: Sequence[Sequence[str]], longest: int = LONGEST) -> list[float]:
    """Return the BLEU of every text with all others as its references, without a penalty of length, 0 to 1.

    It grows with the number of texts, so two systems are compared on equally many. A single text gives 0.
    """
    scores = [1.0] * len(texts)
    for order in range(1, longest + 1):
        counts = [Counter(_ngrams(words, order)) for words in texts]
        most = _two_largest(counts)
        for index, own in enumerate(counts):
            matched = sum(min(count, _largest_elsewhere(most[ngram], index)) for ngram, count in own.items())
            scores[index] *= (matched / max(1, own.total())) ** (1 / longest)
    return scores


def vert(own: Sequence[float], others: Sequence[float], clusters: Sequence[Hashable]) -> Estimate | None:
    """Return VERT, the geometric mean of mean AUTO-BLEU and mean self-BLEU, with an interval over clusters.

    The texts that each is compared with are held fixed in the bootstrap.

    Args:
        own: AUTO-BLEU of every text.
        others: self-BLEU of every text.
        clusters: what each text belongs to, for example its prompt's speaker.
    Returns:
        None where there is no text.
    """
    if not own:
        return None
    sums: dict[Hashable, NDArray[np.float64]] = {}
    for values in zip(own, others, clusters, strict=True):
        sums[values[2]] = sums.get(values[2], 0.0) + np.array([values[0], values[1], 1.0])
    low, value, high = interval(
        np.array(list(sums.values())), lambda drawn: np.sqrt(drawn[:, 0] * drawn[:, 1]) / drawn[:, 2]
    )
    return Estimate(value=value, low=low, high=high, count=len(own), clips=len(own), clusters=len(sums))


def _ngrams(words: Sequence[str], order: int) -> list[Ngram]:
    return [tuple(words[start : start + order]) for start in range(len(words) - order + 1)]


def _share_repeated(words: Sequence[str], order: int) -> float:
    """Return the share of n-grams that occur somewhere else without overlap."""
    ngrams = _ngrams(words, order)
    first: dict[Ngram, int] = {}
    last: dict[Ngram, int] = {}
    for place, ngram in enumerate(ngrams):
        first.setdefault(ngram, place)
        last[ngram] = place
    again = sum(first[ngram] <= place - order or last[ngram] >= place + order for place, ngram in enumerate(ngrams))
    return again / max(1, len(ngrams))


def _two_largest(counts: Sequence[Counter[Ngram]]) -> dict[Ngram, tuple[int, int, int]]:
    """Return the largest count of every n-gram in one text, that text's number, and the largest in any other."""
    most: dict[Ngram, tuple[int, int, int]] = {}
    for index, counted in enumerate(counts):
        for ngram, count in counted.items():
            largest, where, second = most.get(ngram, (0, -1, 0))
            most[ngram] = (count, index, largest) if count > largest else (largest, where, max(second, count))
    return most


def _largest_elsewhere(most: tuple[int, int, int], index: int) -> int:
    largest, where, second = most
    return second if where == index else largest
