"""Windows of equally many words in every stream, so that a step shows every rung the same text. B batch, T tokens."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from undertone.engine.network.token_lm import PADDING


class WordWindows:
    """Batches of windows of a text, which follow from the step alone and are the same words in every stream.

    Args:
        words: tokens of every word of the text, int64 [tokens] each; the text is read as a circle.
        window_words: words of a window.
        batch_size: windows of a batch.
        seed: of the order of windows, and of where the first one of an epoch begins.
    """

    def __init__(self, words: Sequence[np.ndarray], window_words: int, batch_size: int, seed: int) -> None:
        self._tokens = np.concatenate(list(words))
        self._ends = np.cumsum([len(word) for word in words])
        self.window_words, self.batch_size, self.seed = min(window_words, len(words)), batch_size, seed
        self._num_windows = len(words) // self.window_words

    @property
    def batches_per_epoch(self) -> int:
        """Return how many whole batches an epoch has, at least one."""
        return batches_per_epoch(len(self._ends), self.window_words, self.batch_size)

    def places(self, step: int) -> list[int]:
        """Return the number of the first word of every window of a step."""
        epoch, batch = divmod(step, self.batches_per_epoch)
        random = np.random.default_rng((self.seed, epoch))
        offset = int(random.integers(self.window_words))
        order = random.permutation(self._num_windows)[batch * self.batch_size : (batch + 1) * self.batch_size]
        return [(offset + self.window_words * int(number)) % len(self._ends) for number in order]

    def batch(self, step: int) -> Tensor:
        """Return the windows of a step, int64 [B, T] with PADDING at the ends of rows."""
        return pad_tokens([self._window(first) for first in self.places(step)])

    def _window(self, first: int) -> np.ndarray:
        last = first + self.window_words
        if last <= len(self._ends):
            return self._between(first, last)
        return np.concatenate([self._between(first, len(self._ends)), self._between(0, last - len(self._ends))])

    def _between(self, first: int, last: int) -> np.ndarray:
        return self._tokens[self._ends[first - 1] if first else 0 : self._ends[last - 1]]


def batches_per_epoch(num_words: int, window_words: int, batch_size: int) -> int:
    """Return how many whole batches of windows a text of so many words has, at least one."""
    return max(1, num_words // window_words // batch_size)


def pad_tokens(rows: Sequence[np.ndarray]) -> Tensor:
    """Return rows of tokens as one int64 [B, T] with PADDING at their ends."""
    return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in rows], True, PADDING)
