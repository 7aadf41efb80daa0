"""What an iterator gives, made by a thread of its own while what it gave before is used."""

import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import parent_process
from types import TracebackType
from typing import Generic, Self, TypeVar

import torch

Item = TypeVar("Item")

LISTEN_SECONDS = 0.05  # between two looks of a thread that waits for room: is it still wanted?


@dataclass(frozen=True)
class _End:
    """Last thing that the thread hands over; with what went wrong, if something did."""

    error: BaseException | None = None


class MadeAhead(Generic[Item], Iterator[Item]):
    """Items of an iterator in their order, from a thread that begins at once.

    To be entered: leaving it stops the thread and waits for the item at work. An exception of the iterator is raised
    where the item that it was to give is asked for.

    Args:
        items: used by the thread alone from here on.
        limit: items that the thread is ahead at most.
    """

    def __init__(self, items: Iterator[Item], limit: int) -> None:
        self._items = items
        self._made: queue.Queue[Item | _End] = queue.Queue(limit)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._work, name="made-ahead", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()

    def __next__(self) -> Item:
        item = self._made.get()
        if not isinstance(item, _End):
            return item
        self._made.put(item)  # for whoever asks again
        if item.error is not None:
            raise item.error
        raise StopIteration

    @torch.inference_mode()  # every thread has its own
    def _work(self) -> None:
        try:
            for item in self._items:
                if not self._hand_over(item):
                    return
            self._hand_over(_End())
        except BaseException as error:
            self._hand_over(_End(error))

    def _hand_over(self, item: Item | _End) -> bool:
        """Return whether the item is still wanted; waits for room."""
        while not self._left.is_set():
            try:
                self._made.put(item, timeout=LISTEN_SECONDS)
                return True
            except queue.Full:
                continue
        return False


def has_second_processor() -> bool:
    """Return whether a second thread of this process has a processor to run on; those of a worker serve its mates."""
    if parent_process() is not None:
        return False
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) > 1 if affinity else (os.cpu_count() or 1) > 1
