"""Which letters stand for which phone of a word, so that exchanged phones can be spelled and unknown words read.

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
        self._phones: dict[str, tuple[int, float]] = {}  # of groups that were read
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

    def read(self, spelling: str) -> tuple[int, ...]:
        """Return the likeliest phones of letters, one for each group of them; none for letters that were never seen."""
        best = [0.0] + [inf] * len(spelling)  # by letters used, nats
        taken = [(0, 0)] * len(best)  # letters and phone of the last group
        for end in range(1, len(best)):
            for start in range(max(0, end - MAX_LETTERS_OF_PHONE), end):
                phone, nats = self._likeliest_phone(spelling[start:end])
                if best[start] + nats < best[end]:
                    best[end], taken[end] = best[start] + nats, (end - start, phone)
        end, phones = len(spelling), []
        while end and taken[end][0]:
            phones.append(taken[end][1])
            end -= taken[end][0]
        return tuple(reversed(phones)) if not end else ()

    def _likeliest_phone(self, group: str) -> tuple[int, float]:
        """Return the phone that a group of letters mostly stands for, and how unlikely it is, in nats."""
        if group not in self._phones:
            counts = {phone: count for (phone, letters), count in self._counts.items() if letters == group}
            phone = max(counts, key=counts.__getitem__, default=0)
            self._phones[group] = (phone, -log(counts[phone] / (sum(counts.values()) + 1)) if counts else inf)
        return self._phones[group]
