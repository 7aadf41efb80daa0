"""Shards in a random order without end, a few at a time in memory; every position follows from integers.

The shards of an epoch are shuffled and dealt to `num_streams` streams, one for each micro-batch of a step over all
processes; a stream reads its shards in pools. So every shard is read once an epoch wherever it is used, two processes
see what one process with twice the micro-batches sees, and a run resumes from its step alone: batches are counted
from the lengths of clips, which are small files, and no shard is read that was already used.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undertone.engine.config import MelConfig
from undertone.train.data.pool import Pool, load_pool, shard_lengths, shard_numbers

Plan = Callable[[np.ndarray, np.random.Generator], list[np.ndarray]]


@dataclass(frozen=True)
class StreamSettings:
    """Settings of a stream of pools."""

    prepared: Path
    split: str
    mel: MelConfig
    pool_shards: int = 4
    audio: bool = False
    tokens: str | None = None
    seed: int = 0


class ShardStream:
    """One stream of batches over a split's shards.

    Args:
        settings: of all streams.
        stream: which one, of `num_streams`.
        plan: cuts a pool into batches from its clips' lengths in frames, with the random numbers it is given.
    """

    def __init__(self, settings: StreamSettings, stream: int, num_streams: int, plan: Plan) -> None:
        self.settings, self.stream, self.num_streams, self._plan = settings, stream, num_streams, plan
        self._shards = shard_numbers(settings.prepared, settings.split)
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="shards")
        self._ahead: dict[int, Future[Pool]] = {}
        self._batches: list[np.ndarray] = []
        self._restart()

    def batch(self, number: int) -> tuple[Pool, np.ndarray]:
        """Return the batch of this number, counted from 0 over all epochs: a pool and the places of its clips in it."""
        chosen = self.locate(number)
        return self._pool(self.position), chosen

    def locate(self, number: int) -> np.ndarray:
        """Return the clips of a batch, as their places in its pool, without reading any shard."""
        if number < self._first:
            self._restart()
        while number >= self._first + len(self._batches):
            self._first += len(self._batches)
            self.position += 1
            self._batches = self._planned(self.position)
        return self._batches[number - self._first]

    def _restart(self) -> None:
        self._numbers: list[list[int]] = []
        self._epochs = self._pools_of_epochs()
        self._first, self.position = 0, 0
        self._batches = self._planned(0)

    def shards(self, position: int) -> list[int]:
        """Return the shards of the pool at this position of the stream."""
        while position >= len(self._numbers):
            self._numbers += next(self._epochs)
        return self._numbers[position]

    def _pools_of_epochs(self) -> Iterator[list[list[int]]]:
        """Yield this stream's pools for every epoch; with fewer shards than streams each has all of them."""
        size, epoch = self.settings.pool_shards, 0
        shared = len(self._shards) < self.num_streams
        while True:
            key = (self.settings.seed, epoch, self.stream) if shared else (self.settings.seed, epoch)
            order = np.random.default_rng(key).permutation(self._shards).tolist()
            own = order if shared else order[self.stream :: self.num_streams]
            yield [own[first : first + size] for first in range(0, len(own), size)]
            epoch += 1

    def _planned(self, position: int) -> list[np.ndarray]:
        settings, numbers = self.settings, self.shards(position)
        lengths = np.concatenate([shard_lengths(settings.prepared, settings.split, number) for number in numbers])
        return self._plan(lengths[:, 0], np.random.default_rng((settings.seed, self.stream, position)))

    def _pool(self, position: int) -> Pool:
        """Return the pool at this position; the next one is read meanwhile, and none before it is kept."""
        for wanted in (position, position + 1):
            if wanted not in self._ahead:
                self._ahead[wanted] = self._loader.submit(self._load, self.shards(wanted))
        self._ahead = {key: future for key, future in self._ahead.items() if key >= position}
        return self._ahead[position].result()

    def _load(self, numbers: list[int]) -> Pool:
        settings = self.settings
        return load_pool(settings.prepared, settings.split, numbers, settings.mel, settings.audio, settings.tokens)
