"""Which letters stand for which phone of a word, so that a nonword of exchanged phones can be spelled.

Every phone has a group of up to four letters, none for the second sound of an X. Groups are found by the most likely
cut of every word and counted again from the cuts (hard expectation maximisation), as grapheme-to-phoneme aligners do.
"""

from collections import Counter
from collections.abc import Sequence
from math import inf, log

MAX_LETTERS_OF_PHONE = 4
ROUNDS = 4
UNSEEN_COUNT = 0.01


class LetterGroups:
    """Likely letters of every phone.

    Args:
        words: spelling and phones of words to learn from.
    """

    def __init__(self, words: Sequence[tuple[str, tuple[int, ...]]]) -> None:
        self._counts: Counter[tuple[int, str]] = Counter()
        self._totals: Counter[int] = Counter()
        for spelling, phones in words:
            if len(spelling) == len(phones):  # each letter is likely a phone's own, a start that longer words build on
                self._add(phones, list(spelling))
        for _ in range(ROUNDS):
            cut = [(phones, self.cut(spelling, phones)) for spelling, phones in words]
            self._counts.clear()
            self._totals.clear()
            for phones, groups in cut:
                self._add(phones, groups or [])

    def _add(self, phones: Sequence[int], groups: Sequence[str]) -> None:
        for phone, group in zip(phones, groups, strict=False):
            self._counts[phone, group] += 1
            self._totals[phone] += 1

    def _nats(self, phone: int, group: str) -> float:
        seen = self._counts.get((phone, group), 0)
        spread = UNSEEN_COUNT * 0.1 ** len(group)  # a rare group of many letters is less likely than one of few
        return -log((seen + spread) / (self._totals[phone] + 1))

    def cut(self, spelling: str, phones: Sequence[int]) -> list[str] | None:
        """Return the letters of every phone, None where the word has too many letters for its phones."""
        best = [0.0] + [inf] * len(spelling)  # by letters used, nats
        lengths: list[list[int]] = []
        for phone in phones:
            costs, taken = [inf] * len(best), [0] * len(best)
            for end in range(len(best)):
                for length in range(min(MAX_LETTERS_OF_PHONE, end) + 1):
                    start = end - length
                    if best[start] < inf:
                        cost = best[start] + self._nats(phone, spelling[start:end])
                        if cost < costs[end]:
                            costs[end], taken[end] = cost, length
            best = costs
            lengths.append(taken)
        if best[-1] == inf:
            return None
        end, groups = len(spelling), []
        for taken in reversed(lengths):
            groups.append(spelling[end - taken[end] : end])
            end -= taken[end]
        return groups[::-1]
