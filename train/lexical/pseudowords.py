"""Words and nonwords of the same phones in another order, about as likely by phone bigrams.

A nonword is made by exchanging two consonants or two vowels of the word, once or twice, so that both have the same
phones the same number of times. Any three phones of it in a row, the boundaries counted, occur in some word of the
dictionary.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from undertone.train.alignment.lexicon import Lexicon
from undertone.train.text.prose import book_sentences

VOWEL_LETTERS = frozenset("AEIOU")
BOUNDARY = ""  # before the first and after the last phone
MIN_PHONES, MAX_PHONES = 4, 8
MAX_LOG_PROB_DIFFERENCE = 1.5  # nats between a word and its nonword, over all bigrams

Phones = tuple[str, ...]


def count_words(text: Path, lexicon: Lexicon) -> Counter[str]:
    """Count how often each word of the dictionary occurs in `books.tsv.xz`."""
    counts: Counter[str] = Counter()
    for _, sentence in book_sentences(text):
        counts.update(lexicon.words(sentence))
    return Counter({word: count for word, count in counts.items() if lexicon.phones(word)})


class KnownWords:
    """Words of the dictionary, and every three phones in a row that occur in one."""

    def __init__(self, words: Iterable[Phones]) -> None:
        self.words = set(words)
        self._triples = {triple for word in self.words for triple in self._of(word)}

    def is_nonword(self, phones: Phones) -> bool:
        """Return whether phones that are no word look nowhere unlike one."""
        return phones not in self.words and all(triple in self._triples for triple in self._of(phones))

    @staticmethod
    def _of(phones: Phones) -> list[tuple[str, ...]]:
        padded = (BOUNDARY, *phones, BOUNDARY)
        return list(zip(padded, padded[1:], padded[2:], strict=False))


class Bigrams:
    """Bigram model of the phones of words, from running text."""

    def __init__(self, words: Iterable[tuple[Phones, int]]) -> None:
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._firsts: Counter[str] = Counter()
        for phones, count in words:
            for pair in self._of(phones):
                self._pairs[pair] += count
                self._firsts[pair[0]] += count
        self._num = len({second for _, second in self._pairs})

    def log_prob(self, phones: Phones) -> float | None:
        """Return the log probability in nats, None where a pair of neighbours occurs in no word."""
        pairs = self._of(phones)
        if any(pair not in self._pairs for pair in pairs):
            return None
        return float(
            sum(np.log((self._pairs[pair] + 0.5) / (self._firsts[pair[0]] + 0.5 * self._num)) for pair in pairs)
        )

    @staticmethod
    def _of(phones: Phones) -> list[tuple[str, str]]:
        return list(zip((BOUNDARY, *phones), (*phones, BOUNDARY), strict=True))


@dataclass(frozen=True)
class NonwordPair:
    """A word and a nonword of the same phones."""

    word: str
    phones: Phones
    nonword: Phones
    log_ratio: float  # log P(word) - log P(nonword) by phone bigrams, nats

    @property
    def sequences(self) -> tuple[Phones, Phones]:
        """Return the phones of the word and of its nonword."""
        return self.phones, self.nonword


def swap_phones(phones: Phones) -> set[Phones]:
    """Return all orders that one exchange of two vowels or of two consonants makes."""
    found: set[Phones] = set()
    for left, right in combinations(range(len(phones)), 2):
        if (phones[left][0] in VOWEL_LETTERS) == (phones[right][0] in VOWEL_LETTERS):
            other = list(phones)
            other[left], other[right] = other[right], other[left]
            found.add(tuple(other))
    return found - {phones}


def find_nonwords(word: str, phones: Phones, known: KnownWords, bigrams: Bigrams) -> list[NonwordPair]:
    """Return the nonwords of a word, those of the most similar likelihood first."""
    likelihood = bigrams.log_prob(phones)
    if likelihood is None or not MIN_PHONES <= len(phones) <= MAX_PHONES:
        return []
    once = swap_phones(phones)
    candidates = once | {twice for other in once for twice in swap_phones(other)}
    found = []
    for candidate in sorted(filter(known.is_nonword, candidates)):
        other = bigrams.log_prob(candidate)
        if other is not None and abs(likelihood - other) <= MAX_LOG_PROB_DIFFERENCE:
            found.append(NonwordPair(word, phones, candidate, likelihood - other))
    return sorted(found, key=lambda pair: abs(pair.log_ratio))
