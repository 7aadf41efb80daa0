"""Work of several processes: their shares, and how they wait for each other through files.

`accelerate launch` and `torchrun` set RANK and WORLD_SIZE, on one node or many. Preparation needs no messages between
processes, only a shared folder, so that one may die, come back or run alone without the others noticing.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from undertone.train.corpora.source import CorpusError


@dataclass(frozen=True)
class WorkShare:
    """This process' share of the work: item i is its own when i % count == index."""

    index: int = 0
    count: int = 1

    def own(self, items: list[int]) -> list[int]:
        """Return every count-th item, from the index on."""
        return items[self.index :: self.count]

    @property
    def is_first(self) -> bool:
        """Return whether this process does what is done once."""
        return self.index == 0


def share() -> WorkShare:
    """Return this process' share from RANK and WORLD_SIZE; a single process has all of it."""
    return WorkShare(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def wait_for(path: Path, hours: float = 48.0, every_seconds: float = 0.5, num_bytes: int | None = None) -> None:
    """Wait until another process has written this file, of so many bytes where that is known."""
    deadline = time.monotonic() + 3600 * hours
    while not path.is_file() or num_bytes not in (None, path.stat().st_size):
        if time.monotonic() > deadline:
            raise CorpusError(f"{path} was not there after {hours:g} h; is the process that writes it still running?")
        time.sleep(every_seconds)
