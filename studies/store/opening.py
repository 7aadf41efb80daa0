"""Open the studies' database as a server does: bring it back if it is gone, check it, copy it from then on, close it.

If anything suggests that what is here may not be the whole, the database is read-only and nothing is uploaded.
"""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import func, inspect, select
from sqlalchemy.engine import make_url

from studies.store.backup import Schedule, newest_snapshot
from studies.store.database import Database
from studies.store.errors import StoreError
from studies.store.failures import translated
from studies.store.hub import REPOSITORY_VARIABLE, HubCopy
from studies.store.journal import Journal
from studies.store.migrate import migrate
from studies.store.places import Places
from studies.store.replay import ship_missing
from studies.store.restore import restore
from studies.store.tables import Event

logger = logging.getLogger(__name__)
SNAPSHOT_MINUTES = 15.0


@contextmanager
def opened(
    places: Places | None = None, hub: HubCopy | None = None, snapshot_minutes: float = SNAPSHOT_MINUTES
) -> Iterator[Database]:
    """The database for as long as a server runs, with snapshots at intervals and on shutdown.

    Args:
        places: None is the default.
        hub: where a copy is kept; None takes the dataset that `UNDERTONE_BACKUP_REPO` names, if it names one.
    """
    places = places or Places.default()
    if hub is None and (repository := os.environ.get(REPOSITORY_VARIABLE)):
        hub = HubCopy(repository, places)
    db = start(places, hub)
    uploads = hub is not None and not db.read_only
    schedule = Schedule(db, places.backups, snapshot_minutes, after=hub.start if hub and uploads else None).start()
    try:
        if hub is not None and uploads:
            hub.start()
        yield db
    finally:
        schedule.stop()
        if hub is not None and uploads:
            hub.stop()
        db.close()


def start(places: Places, hub: HubCopy | None = None) -> Database:
    """A database that can be used; paused, and without what was stored, where it cannot be brought back."""
    try:
        db = Database(places.url, places.events)
        if _is_new(db):
            _bring_back(db, places, hub)
        migrate(db)
        ship_missing(db)
    except (StoreError, OSError) as error:
        empty = Database("sqlite://")
        migrate(empty)
        empty.pause(str(error))
        return empty
    return db


def _is_new(db: Database) -> bool:
    """Whether nothing was ever stored: every transaction leaves an event."""
    _check(db)
    with translated(db.url), db.engine.connect() as connection:
        if not inspect(connection).has_table(Event.__tablename__):
            return True
        return not connection.scalar(select(func.count()).select_from(Event))


def _bring_back(db: Database, places: Places, hub: HubCopy | None) -> None:
    if hub is not None:
        logger.info("%d files fetched from the copy", hub.fetch())
    snapshot = newest_snapshot(places.backups)
    if snapshot is None and not Journal(places.events).files():
        return  # a first start
    restored = restore(db, snapshot, places.events)
    logger.info("restored %s and %d lines of the log: %s", snapshot, restored.lines, restored.rows)


def _check(db: Database) -> None:
    """SQLite's quick check of the file in use."""
    name = make_url(db.url).database
    if not db.is_sqlite or not name or name == ":memory:":
        return
    try:
        with closing(sqlite3.connect(name)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA quick_check")]
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{name} is damaged: {error}. Restore it with `undertone study restore`.") from error
    if found != ["ok"]:
        raise StoreError(f"{name} is damaged: {'; '.join(found[:3])}. Restore it with `undertone study restore`.")
