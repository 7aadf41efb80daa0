"""n-gram models of the phones of a text: what pairs give away without words, grammar or context."""

from collections.abc import Sequence

import numpy as np

from undertone.train.alignment.segments import SILENCE
from undertone.train.ladder.passages import Passage, TextWord
from undertone.train.text.diagnostics import TokenModel

ORDERS = (1, 2, 3, 5)
STRENGTH = 5.0  # pseudo-counts of the next shorter context


class PhoneNgrams:
    """Interpolated n-gram models of running phones, with a pause at punctuation and between sentences.

    Args:
        passages: to count.
        num_phones: of the dictionary.
    """

    def __init__(self, passages: Sequence[Passage], num_phones: int) -> None:
        text = [_padded(passage.words) for passage in passages]
        self._model = TokenModel(text, num_phones + 1, max(ORDERS))

    def log_prob(self, words: Sequence[TextWord], order: int) -> float:
        """Return the log-likelihood in nats of words between two pauses."""
        return -float(self._model.nats(_padded(words), order, STRENGTH).sum())


def _padded(words: Sequence[TextWord]) -> np.ndarray:
    """Return the phones of words after as many pauses as the longest context has, with one behind them."""
    phones = [phone for word in words for phone in word.phones]
    return np.array([SILENCE] * (max(ORDERS) - 1) + phones + [SILENCE], dtype=np.int64)
