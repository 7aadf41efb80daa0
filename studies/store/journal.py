"""The log's copy: one JSON line per transaction, appended to one file per process start.

The files only grow, so that huggingface_hub's CommitScheduler may watch their folder; only a withdrawal rewrites them.
A line has the events, the touched rows as they then stood (None for a deleted row) and the id of the event before.
"""

import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from undertone.engine.files.atomic_files import sync_folder, whole_file
from undertone.studies.store.engines import to_text
from undertone.studies.store.errors import StoreError

logger = logging.getLogger(__name__)
Line = dict[str, Any]
PATTERN = "events-*.jsonl"


class Journal:
    """Append-only copy of the log; lines that cannot be written are held until they can."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path: Path | None = None
        self._process = 0
        self._waiting: list[str] = []
        self._arrived = self._written = 0  # lines, since the start
        self._turn, self._queue = threading.Lock(), threading.Lock()
        self._lock = FileLock(folder / ".lock")

    @property
    def behind(self) -> int:
        """Return how many lines are in the database but not yet in the copy."""
        return len(self._waiting)

    @property
    def path(self) -> Path:
        """Return the file of this process; a forked process gets its own."""
        if self._path is None or self._process != os.getpid():
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            self._path = self.folder / f"events-{stamp}-{uuid.uuid4().hex}.jsonl"
            self._process = os.getpid()
        return self._path

    def write(self, text: str) -> None:
        """Append a line of JSON and wait until it is on disk; on a failure it is kept and written with the next one.

        Whose turn it is writes the lines of all who wait: one wait for the disk serves them all.
        """
        with self._queue:
            self._waiting.append(text + "\n")
            self._arrived += 1
            own = self._arrived
        with self._turn:
            if self._written >= own:
                return
            with self._queue:
                lines, last = list(self._waiting), self._arrived
            try:
                self._append("".join(lines).encode())
            except OSError as error:
                logger.error("the log's copy in %s is %d lines behind: %s", self.folder, self.behind, error)
                return
            with self._queue:
                del self._waiting[: len(lines)]
                self._written = last

    def files(self) -> list[Path]:
        """Return every file of the folder, the oldest first."""
        return sorted(self.folder.glob(PATTERN)) if self.folder.is_dir() else []

    def lines(self) -> Iterator[Line]:
        """Return the lines of every file in the order of their commits. A last line cut short was never acknowledged.

        Raises:
            StoreError: a damaged line that is not the last of its file.
        """
        lines = [line for path in self.files() for line in read_lines(path)]
        yield from sorted(lines, key=lambda line: line["events"][0]["id"])

    def rewrite(self, change: Callable[[Line], Line]) -> int:
        """Put every line through a function; returns how many it changed. Each file changes as a whole or not."""
        changed = 0
        with self._turn, self.lock():
            for path in self.files():
                before = list(read_lines(path))
                after = [change(line) for line in before]
                if after == before:
                    continue
                changed += sum(one != other for one, other in zip(before, after, strict=True))
                with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
                    file.writelines(to_text(line) + "\n" for line in after)
                    file.flush()
                    os.fsync(file.fileno())
        return changed

    def lock(self) -> FileLock:
        """Return the lock that keeps other processes from appending to a file that is being rewritten."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self._lock

    def _append(self, data: bytes) -> None:
        with self.lock():
            is_new = not self.path.exists()
            with self.path.open("ab", buffering=0) as file:
                start = file.seek(0, os.SEEK_END)
                try:
                    if file.write(data) != len(data):
                        raise OSError("the disk is full")
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(start)  # half a line would damage the next one
                    raise
            if is_new:
                sync_folder(self.folder)


def read_lines(path: Path) -> Iterator[Line]:
    """Read the whole lines of one file."""
    texts = path.read_text(encoding="utf-8").split("\n")
    for number, text in enumerate(texts, 1):
        if not text:
            continue
        try:
            yield json.loads(text)
        except ValueError as error:
            if number == len(texts):  # no newline behind it: the process ended while it was written
                return
            raise StoreError(f"{path}, line {number} is damaged: {error}. Restore from another copy.") from error
