"""Bring studies back: a snapshot, the log's copy replayed on it, every check passed, and only then put in place."""

import logging
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, text

from undertone.studies.store.backup import check_file, copy_rows
from undertone.studies.store.change_record import TABLES
from undertone.studies.store.database import Database
from undertone.studies.store.driver_errors import translate_driver_errors
from undertone.studies.store.errors import StoreError
from undertone.studies.store.journal import Journal
from undertone.studies.store.journal_replay import check_counts, keys_by_table, replay_journal
from undertone.studies.store.migrate import migrate

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RestoreResult:
    """Counts of what was restored."""

    snapshot: Path | None
    lines: int  # replayed from the log's copy
    skipped: int  # lines that the snapshot had already
    rows: dict[str, int]  # by table


def restore(db: Database, snapshot: Path | None, events_folder: Path | None) -> RestoreResult:
    """Fill an empty database from a snapshot and the log's copy; all of it or nothing.

    Args:
        snapshot: None replays the log's copy from the beginning.
        events_folder: None takes the snapshot alone.
    Raises:
        StoreError: the database is not empty, a file is damaged or missing, or the counts do not agree.
    """
    migrate(db)
    _check_empty(db)
    with tempfile.TemporaryDirectory(prefix="undertone-restore-") as folder:
        path = Path(folder) / "restored.sqlite"
        if snapshot is not None:
            if not snapshot.is_file():
                raise StoreError(f"there is no snapshot at {snapshot}.")
            check_file(snapshot)
            shutil.copyfile(snapshot, path)
        restored = _rebuild(path, snapshot, events_folder)
        check_file(path)
        _put_in_place(path, db)
    _check_row_counts(db, restored)
    return restored


def _rebuild(path: Path, snapshot: Path | None, events_folder: Path | None) -> RestoreResult:
    """Replay onto a file that nobody else uses."""
    copy = Database(f"sqlite:///{path}")
    try:
        migrate(copy)
        with translate_driver_errors(copy.url), copy.engine.begin() as connection:
            before = keys_by_table(connection)
            lines = Journal(events_folder).lines() if events_folder is not None else iter(())
            done = replay_journal(connection, lines)
            rows = check_counts(connection, before, done)
    finally:
        copy.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return RestoreResult(snapshot, done.lines, done.skipped, rows)


def _put_in_place(path: Path, db: Database) -> None:
    if db.is_sqlite:
        place = db.engine.raw_connection()
        try:
            with closing(sqlite3.connect(path)) as whole:
                whole.backup(place.driver_connection)  # type: ignore[arg-type]
            place.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]
        finally:
            place.close()
        return
    copy = Database(f"sqlite:///{path}")
    try:
        with translate_driver_errors(db.url), copy.engine.connect() as source, db.engine.begin() as target:
            copy_rows(source, target)
            last = "SELECT setval(pg_get_serial_sequence('event', 'id'), max(id)) FROM event HAVING max(id) IS NOT NULL"
            target.execute(text(last))
    finally:
        copy.close()


def _check_empty(db: Database) -> None:
    with db.reading() as session:
        filled = [name for name, table in TABLES.items() if session.scalar(select(func.count()).select_from(table))]
    if filled:
        raise StoreError(
            f"the database has rows already (in {', '.join(filled)}). Restore into an empty one: set another "
            "--data folder or database, or move the file away."
        )


def _check_row_counts(db: Database, restored: RestoreResult) -> None:
    with db.reading() as session:
        rows = {name: session.scalar(select(func.count()).select_from(table)) for name, table in TABLES.items()}
    if rows != restored.rows:
        raise StoreError(f"the restored database has {rows}, expected {restored.rows}. Do not use it; restore again.")
