"""The phones that the tokens of a rung say, so that one judge can read the continuations of all rungs.

Phones stand for themselves, repeated ones for one, units for the phone that they are a part of, clusters for the unit
that they are most often. Letters are read as words by the dictionary, and by letter groups where it lacks the word.
"""

import re
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from undertone.engine.ladder import PAUSE_MARK, Rung
from undertone.engine.words.phone_runs import phone_runs
from undertone.train.alignment.segments import SILENCE
from undertone.train.ladder.passages import Speller
from undertone.train.ladder.spelling import LetterGroups
from undertone.train.ladder.streams import SPACE, TokenStream

WORD = re.compile(f"[A-Z']+|{PAUSE_MARK}")


class SaidPhones:
    """Reader of one rung's tokens.

    Args:
        letters: of the words of the training text.
        units_of_clusters: of `likeliest_units`.
    """

    def __init__(
        self, rung: Rung, stream: TokenStream, speller: Speller, letters: LetterGroups, units_of_clusters: np.ndarray
    ) -> None:
        self._rung, self._names, self._speller, self._letters = rung, stream.names, speller, letters
        self._units_of_clusters = units_of_clusters
        self._phones = {PAUSE_MARK: SILENCE} | speller.phone_class

    def __call__(self, tokens: np.ndarray) -> list[int]:
        """Return the phones of tokens [T], each once where it stands several times in a row."""
        return [phone for phone, _ in groupby(self._said(tokens.tolist()))]

    def _said(self, tokens: Sequence[int]) -> list[int]:
        if self._rung in ("text-bpe", "text-raw"):
            return self._read("".join(self._names[token] for token in tokens))
        if self._rung in ("speech-one", "speech-many"):
            return [run.phone for run in phone_runs(tokens)]
        if self._rung == "speech-clusters":
            return [run.phone for run in phone_runs(self._units_of_clusters[list(tokens)].tolist())]
        names = [name for token in tokens for name in self._names[token].split("-")]
        return [self._phones[name] for name in names if name in self._phones]

    def _read(self, text: str) -> list[int]:
        """Return the phones of letters; the last word, which may be cut off, is left out."""
        whole = text[: max(text.rfind(SPACE), text.rfind(PAUSE_MARK)) + 1]
        found: list[int] = []
        for spelling in WORD.findall(whole):
            word = self._speller.word(spelling)
            found += [SILENCE] if spelling == PAUSE_MARK else word.phones if word else self._letters.read(spelling)
        return found
