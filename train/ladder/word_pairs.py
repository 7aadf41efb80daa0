"""Pairs of a word of the training text and a nonword of the same phones and letters in another order."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from undertone.engine.ladder import LadderPair
from undertone.train.ladder.ngrams import PhoneNgrams
from undertone.train.ladder.passages import Speller, TextWord
from undertone.train.ladder.spelling import LetterGroups
from undertone.train.lexical.pairs import sort_by_balance, unit_order
from undertone.train.lexical.pseudowords import Bigrams, KnownWords, NonwordPair, find_nonwords

MOST_CANDIDATES = 12  # nonwords of a word that are tried
HARD_TO_HEAR = frozenset({"AH", "IH"})  # unstressed, even people confuse them


class WordPairs:
    """Maker of pairs of words and nonwords.

    Args:
        counts: of the words of the training text.
        speller: with the dictionary.
        known: all pronunciations of the dictionary.
        ngrams: of the training text; its bigrams favour words and nonwords equally often.
        min_count: of a word.
    """

    def __init__(
        self, counts: Counter[str], speller: Speller, known: KnownWords, ngrams: PhoneNgrams, min_count: int
    ) -> None:
        self._counts, self._speller, self._known, self._ngrams = counts, speller, known, ngrams
        self._min_count = min_count
        lexicon = speller.lexicon
        self._phones = {word: lexicon.phones(word) or () for word in counts}
        self._bigrams = Bigrams((phones, counts[word]) for word, phones in self._phones.items())
        words = (speller.word(spelling) for spelling in sorted(counts))
        self._groups = LetterGroups([(word.spelling, word.phones) for word in words if word is not None])

    def pairs(self, number: int, random: np.random.Generator) -> Iterator[LadderPair]:
        """Yield pairs of at most so many words, drawn at random."""
        common = sorted(word for word, count in self._counts.items() if count >= self._min_count and word.isalpha())
        balance = made = 0
        for index in random.permutation(len(common)).tolist():
            found = self._nonwords(common[index])
            for pair in sort_by_balance(found, balance):
                spelling = self._spell(pair)
                if spelling is not None:
                    balance, made = balance + (1 if pair.log_ratio > 0 else -1), made + 1
                    yield LadderPair(
                        judgement="words",
                        kind="words",
                        cluster=pair.word,
                        good=pair.word,
                        bad=spelling,
                        bad_phones=" ".join(pair.nonword),
                    )
                    break
            if made >= number:
                return

    def _nonwords(self, word: str) -> list[NonwordPair]:
        """Return the nonwords of a word with the difference that running bigrams make of them, the likest first."""
        found = find_nonwords(word, self._phones[word], self._known, self._bigrams)[:MOST_CANDIDATES]
        return [
            replace(pair, log_ratio=self._log_prob(pair.phones) - self._log_prob(pair.nonword))
            for pair in found
            if not _differing(pair) <= HARD_TO_HEAR
        ]

    def _log_prob(self, phones: Sequence[str]) -> float:
        classes = tuple(self._speller.phone_class[phone] for phone in phones)
        return self._ngrams.log_prob([TextWord("?", classes)], 2)

    def _spell(self, pair: NonwordPair) -> str | None:
        """Return the letters of a nonword: those of the word's phones, moved with them; None where that is a word."""
        word = self._speller.word(pair.word)
        groups = self._groups.cut(word.spelling, word.phones) if word else None
        if groups is None or not all(groups):
            return None
        spelling = "".join(groups[place] for place in unit_order(pair))
        return None if self._speller.word(spelling) is not None else spelling


def _differing(pair: NonwordPair) -> set[str]:
    return {one for one, other in zip(*pair.sequences, strict=True) if one != other}
