"""Words, their pronunciations as a tree, and how likely each is: CMUdict and the US English n-grams of PocketSphinx.

N nodes of the tree, E word ends. Phones are indices into a tokenizer's inventory; 0 is silence.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Config as SphinxConfig
from pocketsphinx import LogMath, NGramModel, get_model_path

MODEL_FOLDER = "en-us"
LEAST_LOG_PROBABILITY = -13.9  # nats; rarer words are wrong more often than right. Some 20,000 words are left
ROOT = 0
WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?")
NUMBERED = re.compile(r"\(\d+\)$")  # of further pronunciations
UNKNOWN = -500_000_000  # below it the library means log 0


class NGrams:
    """Probabilities of words after other words, with back-off."""

    def __init__(self) -> None:
        path = str(Path(get_model_path()) / MODEL_FOLDER / f"{MODEL_FOLDER}.lm.bin")
        self._logarithms = LogMath()
        self._model: Any = NGramModel(SphinxConfig(lm=path), self._logarithms, path)

    def log_probability(self, word: str, *history: str) -> float:
        """Return log P(word | history) in nats; the newest word of the history stands first. -inf: unknown."""
        value = self._model.prob([word, *history])
        return float(self._logarithms.log_to_ln(value)) if value > UNKNOWN else -np.inf


@dataclass(frozen=True, eq=False)
class PronunciationTree:
    """Pronunciations with their common beginnings shared; node 0 is the root, a parent stands before its children.

    Attributes:
        parent, phone: [N] of each node.
        end_node, end_word: [E] where words end, and which.
        unigram: [E] log probability of that word in nats.
        words: by index.
    """

    parent: NDArray[np.int32]
    phone: NDArray[np.int32]
    end_node: NDArray[np.int32]
    end_word: NDArray[np.int32]
    unigram: NDArray[np.float32]
    words: tuple[str, ...]

    @classmethod
    def of(cls, pronunciations: Iterator[tuple[str, Sequence[int], float]]) -> "PronunciationTree":
        """Build the tree of words, the phones of each and its log probability."""
        children: dict[tuple[int, int], int] = {}
        parent, phone = [ROOT], [-1]
        numbers: dict[str, int] = {}
        ends: dict[tuple[int, int], float] = {}
        for word, phones, log_probability in pronunciations:
            node = ROOT
            for one in phones:
                if (node, one) not in children:
                    children[node, one] = len(parent)
                    parent.append(node)
                    phone.append(one)
                node = children[node, one]
            ends[node, numbers.setdefault(word, len(numbers))] = log_probability
        return cls(
            np.array(parent, np.int32),
            np.array(phone, np.int32),
            np.array([node for node, _ in ends], np.int32),
            np.array([word for _, word in ends], np.int32),
            np.array(list(ends.values()), np.float32),
            tuple(numbers),
        )

    def phones_of(self, node: int) -> tuple[int, ...]:
        """Return the phones on the way from the root to a node."""
        phones: list[int] = []
        while node != ROOT:
            phones.append(int(self.phone[node]))
            node = int(self.parent[node])
        return tuple(reversed(phones))


@lru_cache(maxsize=1)
def n_grams() -> NGrams:
    """Return the n-grams of this process, read in a tenth of a second."""
    return NGrams()


@lru_cache(maxsize=2)
def english_tree(phones: tuple[str, ...]) -> PronunciationTree:
    """Return the tree of English words.

    Args:
        phones: of the tokenizer, silence not among them; a word that needs another is left out.
    """
    return PronunciationTree.of(_pronunciations(phones))


def _pronunciations(phones: tuple[str, ...]) -> Iterator[tuple[str, Sequence[int], float]]:
    index = {phone: place + 1 for place, phone in enumerate(phones)}
    grams = n_grams()
    dictionary = Path(get_model_path()) / MODEL_FOLDER / "cmudict-en-us.dict"
    for line in dictionary.read_text(encoding="utf-8").splitlines():
        spelling, *parts = line.split()
        word = NUMBERED.sub("", spelling)
        if not WORD.fullmatch(word) or (len(word) == 1 and word not in "aio"):
            continue
        log_probability = grams.log_probability(word)
        if log_probability >= LEAST_LOG_PROBABILITY and all(part in index for part in parts):
            yield word, [index[part] for part in parts], log_probability
