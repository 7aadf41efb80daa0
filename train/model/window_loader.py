"""Training windows built ahead of time by other processes, in pinned memory, and the same as without them."""

import math
import signal
import sys
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from undertone.train.model.window_sources import StreamedWindows, WindowSource
from undertone.train.model.windows import Windows

PREFETCH_FACTOR = 4  # micro-batches that each worker may be ahead

Part = tuple[int, int]  # a step and the number of a micro-batch in it


class PrefetchedWindows:
    """A window source read in the order of the steps by workers, which are started at the first window asked for.

    Args:
        source: gives any window by its number; it must not have been used, since workers are forks of this process.
        own_parts: micro-batches of a step that this process trains on, in their order.
        workers: how many processes. Of shards each stream is read by one of them alone, so they are at most as many as
            divide the micro-batches.
        pinned: whether windows are to be in memory that a GPU reads by itself.
    """

    def __init__(self, source: WindowSource, own_parts: list[int], workers: int, pinned: bool) -> None:
        self.source, self.own_parts, self.pinned = source, own_parts, pinned
        streamed = isinstance(source, StreamedWindows)
        self.workers = largest_divisor(len(own_parts), workers) if streamed else workers
        self._next: Part | None = None
        self._ahead: Iterator[Windows] = iter(())

    def windows(self, step: int, part: int) -> Windows:
        """Return the micro-batch `part` of a step; asked for out of order, workers begin anew there."""
        if self._next != (step, part):
            order = _StepOrder(self.own_parts, step, self.own_parts.index(part))
            self._ahead = iter(
                DataLoader(
                    _WindowDataset(self.source),
                    batch_size=None,
                    sampler=order,
                    num_workers=self.workers,
                    prefetch_factor=PREFETCH_FACTOR,
                    pin_memory=self.pinned,
                    multiprocessing_context="fork",  # memory-mapped files are shared, and nothing is pickled
                    worker_init_fn=_ignore_interrupt,
                    generator=torch.Generator(),  # its seed would else be drawn from the run's own random numbers
                )
            )
        place = self.own_parts.index(part) + 1
        self._next = (step, self.own_parts[place]) if place < len(self.own_parts) else (step + 1, self.own_parts[0])
        return next(self._ahead)


def prefetch_windows(
    source: WindowSource, accumulation: int, processes: int, process: int, workers: int, device: torch.device
) -> WindowSource:
    """Return the source with workers in front of it, or as it is without any, and where processes cannot be forked.

    Args:
        accumulation, processes, process: micro-batches of each process in a step, how many processes, and which one.
    """
    if workers < 1 or sys.platform != "linux":
        return source
    own = [micro_batch * processes + process for micro_batch in range(accumulation)]
    return PrefetchedWindows(source, own, workers, pinned=device.type == "cuda")


def largest_divisor(number: int, limit: int) -> int:
    """Return the largest divisor of a number that is no larger than the limit."""
    return max(divisor for divisor in range(1, min(number, limit) + 1) if math.gcd(number, divisor) == divisor)


class _WindowDataset(Dataset[Windows]):
    """A window source by (step, part)."""

    def __init__(self, source: WindowSource) -> None:
        self.source = source

    def __getitem__(self, number: Part) -> Windows:
        return self.source.windows(*number)


class _StepOrder(Sampler[Part]):
    """The parts of a process from one of a step on, without end."""

    def __init__(self, own_parts: list[int], step: int, first: int) -> None:
        self.own_parts, self.step, self.first = own_parts, step, first

    def __iter__(self) -> Iterator[Part]:
        step, parts = self.step, self.own_parts[self.first :]
        while True:
            yield from ((step, part) for part in parts)
            step, parts = step + 1, self.own_parts


def _ignore_interrupt(worker: int) -> None:
    """Ignore Ctrl-C, which reaches every process of a terminal; the run itself decides when its workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
