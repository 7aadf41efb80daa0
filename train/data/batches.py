"""Batches as a pure function of (seed, step): a shuffled order per epoch, clips of similar length together."""

from collections.abc import Sequence

import numpy as np


class FrameBatches:
    """Batches of at most `frames_per_batch` padded frames, in an order that every epoch shuffles anew.

    Clips are sorted by length with some jitter and cut into batches; the batches are then shuffled. A batch is found
    from its number alone, so a resumed run continues in the middle of an epoch without any saved state.
    """

    def __init__(self, lengths: Sequence[int], frames_per_batch: int, seed: int, jitter: float = 0.1) -> None:
        self._lengths = np.asarray(lengths)
        self._frames_per_batch, self._seed, self._jitter = frames_per_batch, seed, jitter
        self._epochs: list[list[np.ndarray]] = []
        self._first_batch: list[int] = []

    def batch(self, number: int) -> np.ndarray:
        """Return the clip indices of the batch with this number, counted from 0 over all epochs."""
        while not self._epochs or number >= self._first_batch[-1] + len(self._epochs[-1]):
            self._add_epoch()
        epoch = int(np.searchsorted(self._first_batch, number, side="right")) - 1
        return self._epochs[epoch][number - self._first_batch[epoch]]

    def _add_epoch(self) -> None:
        random = np.random.default_rng((self._seed, len(self._epochs)))
        batches = frame_batches(self._lengths, self._frames_per_batch, random, self._jitter)
        self._first_batch.append(self._first_batch[-1] + len(self._epochs[-1]) if self._epochs else 0)
        self._epochs.append(batches)


def frame_batches(
    lengths: np.ndarray, frames_per_batch: int, random: np.random.Generator, jitter: float = 0.1
) -> list[np.ndarray]:
    """Return the indices of all clips in shuffled batches of at most so many padded frames; a longer clip is alone."""
    keys = lengths * random.uniform(1 - jitter, 1 + jitter, len(lengths))
    batches: list[np.ndarray] = []
    current: list[int] = []
    longest = 0
    for index in np.argsort(keys, kind="stable"):
        longest = max(longest, int(lengths[index]))
        if current and longest * (len(current) + 1) > frames_per_batch:
            batches.append(np.array(current))
            current, longest = [], int(lengths[index])
        current.append(int(index))
    batches.append(np.array(current))
    return [batches[position] for position in random.permutation(len(batches))]
