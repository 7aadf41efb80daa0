"""Snapshots: one SQLite file with everything, taken while others write, checked before it counts."""

import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from undertone.engine.files.atomic_files import whole_file
from undertone.studies.store.change_record import TABLES
from undertone.studies.store.columns import utc_now
from undertone.studies.store.database import Database
from undertone.studies.store.driver_errors import translate_driver_errors
from undertone.studies.store.errors import StoreError
from undertone.studies.store.migrate import migrate
from undertone.studies.store.tables import Event

logger = logging.getLogger(__name__)
PATTERN = "snapshot-[0-9]*-*.sqlite"
LATEST = "latest.sqlite"  # the same name every time: what a copy elsewhere replaces
KEPT = 8
IN_ONE_INSERT = 1000


def snapshot(db: Database, folder: Path, kept: int = KEPT) -> Path:
    """Write everything into a new file of the folder; older ones beyond `kept` are removed.

    The file is a SQLite database whatever the source is; it appears whole or not at all.

    Raises:
        StoreError: the database cannot be read, or the copy does not pass its check.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The number, not the time, says which is newer: a clock may be set back.
    number = max((_number(old) for old in snapshots(folder)), default=0) + 1
    path = folder / f"snapshot-{number:06d}-{utc_now():%Y%m%dT%H%M%SZ}.sqlite"
    with whole_file(path) as unfinished:
        (_copy_sqlite if db.is_sqlite else _copy_postgresql)(db, unfinished)
        check_file(unfinished)
    for old in snapshots(folder)[:-kept]:
        old.unlink()
    _replace_latest(path)
    return path


def snapshots(folder: Path) -> list[Path]:
    """Return the snapshots of a folder, the oldest first."""
    return sorted(folder.glob(PATTERN), key=_number)


def newest_snapshot(folder: Path) -> Path | None:
    """Return the newest snapshot, or the one that a copy elsewhere brought back."""
    found = snapshots(folder)
    latest = folder / LATEST
    return found[-1] if found else latest if latest.exists() else None


def check_file(path: Path) -> None:
    """Check a file as SQLite does, its foreign keys included.

    Raises:
        StoreError: the file is damaged.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is not a whole SQLite database: {error}. Use an older snapshot.") from error
    if found != ["ok"] or orphans:
        said = "; ".join([*found[:3], *(f"a row of {row[0]!r} has no parent" for row in orphans[:3])])
        raise StoreError(f"{path} is damaged: {said}. Use an older snapshot.")


def copy_rows(source: Connection, target: Connection) -> None:
    """Copy every row of every table, parents before children."""
    for table in TABLES.values():
        rows = source.execution_options(yield_per=IN_ONE_INSERT).execute(select(table)).mappings()
        for part in rows.partitions(IN_ONE_INSERT):
            target.execute(insert(table), [dict(row) for row in part])


class SnapshotSchedule:
    """Thread that takes a snapshot at intervals where something was written since, and a last one when it is stopped.

    Args:
        after: called after every snapshot.
    """

    def __init__(
        self, db: Database, folder: Path, every_minutes: float = 15.0, after: Callable[[], object] | None = None
    ) -> None:
        self._db, self._folder, self._seconds, self._after = db, folder, every_minutes * 60, after
        self._last_event: int | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)

    def start(self) -> "SnapshotSchedule":
        self._thread.start()
        return self

    def stop(self) -> None:
        """Take the last snapshot and end; safe to call twice."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._take()

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self._take()

    def _take(self) -> None:
        if self._db.read_only:  # what is stored may not be the whole: it must not displace a good snapshot
            return
        try:
            with self._db.reading() as session:
                newest = session.scalar(select(func.max(Event.id)))
            if newest == self._last_event:
                return
            snapshot(self._db, self._folder)
            self._last_event = newest
        except (OSError, StoreError) as error:
            logger.error("no snapshot: %s", error)
            return
        if self._after is not None:
            self._after()


def _number(path: Path) -> int:
    return int(path.name.split("-")[1])


def _copy_sqlite(db: Database, path: Path) -> None:
    connection = db.engine.raw_connection()
    try:
        with closing(sqlite3.connect(path)) as target:
            connection.driver_connection.backup(target)  # type: ignore[union-attr]
            target.execute("PRAGMA journal_mode=DELETE")  # one file, no -wal beside it
    finally:
        connection.close()


def _copy_postgresql(db: Database, path: Path) -> None:
    copy = Database(f"sqlite:///{path}")
    try:
        migrate(copy)
        frozen = db.engine.execution_options(isolation_level="REPEATABLE READ")  # one moment for every table
        with translate_driver_errors(db.url), frozen.connect() as source, copy.engine.begin() as target:
            copy_rows(source, target)
    finally:
        copy.close()
    with closing(sqlite3.connect(path)) as target:
        target.execute("PRAGMA journal_mode=DELETE")


def _replace_latest(path: Path) -> None:
    with whole_file(path.with_name(LATEST)) as unfinished:
        try:
            os.link(path, unfinished)
        except OSError:  # a file system without hard links
            unfinished.write_bytes(path.read_bytes())
