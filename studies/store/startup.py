"""Open the studies' database as a server does: bring it back if it is gone, check it, copy it from then on, close it.

If anything suggests that what is here may not be the whole, the database is paused and nothing is uploaded; what was
wrong is looked at again and again, and when it is mended the studies go on without a new start.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from undertone.studies.store.backup import SnapshotSchedule, newest_snapshot
from undertone.studies.store.database import Database
from undertone.studies.store.driver_errors import translate_driver_errors
from undertone.studies.store.errors import StoreError
from undertone.studies.store.hub import REPOSITORY_VARIABLE, HubCopy
from undertone.studies.store.integrity import check_file_in_use, check_log, check_sounds
from undertone.studies.store.journal import Journal
from undertone.studies.store.journal_replay import append_missing_lines
from undertone.studies.store.locations import StorageLocations
from undertone.studies.store.migrate import migrate
from undertone.studies.store.recovery import Recovery
from undertone.studies.store.restore import restore
from undertone.studies.store.tables import Event
from undertone.studies.store.upload_turn import UploadTurn

logger = logging.getLogger(__name__)
SNAPSHOT_MINUTES = 15.0


@contextmanager
def open_database(
    places: StorageLocations | None = None,
    hub: HubCopy | None = None,
    snapshot_minutes: float = SNAPSHOT_MINUTES,
    retry_seconds: float = 2.0,
) -> Iterator[Database]:
    """Open the database for as long as a server runs, with snapshots at intervals and on shutdown.

    Args:
        places: None is the default.
        hub: where a copy is kept; None takes the dataset that `UNDERTONE_BACKUP_REPO` names, if it names one.
        retry_seconds: after which a paused start is tried again; the wait doubles up to half a minute.
    """
    places = places or StorageLocations.default()
    if hub is None and (repository := os.environ.get(REPOSITORY_VARIABLE)):
        hub = HubCopy(repository, places)
    db = Database(places.url, places.events)
    turn = UploadTurn(db, places)
    if hub is not None:
        hub.may_upload = turn.take
    schedule = SnapshotSchedule(db, places.backups, snapshot_minutes, after=hub.start if hub else None).start()
    recovery = Recovery(lambda: prepare_database(db, places, hub), retry_seconds)
    try:
        if not prepare_database(db, places, hub):
            recovery.start()
        yield db
    finally:
        recovery.stop()
        schedule.stop()
        if hub is not None:
            hub.stop()
        turn.release()
        db.close()


def prepare_database(db: Database, places: StorageLocations, hub: HubCopy | None = None) -> bool:
    """Check a database, restore what is missing, and let it take answers; safe to repeat.

    Returns:
        False where it is paused, which says why: without reading where what is stored is not there or is damaged, and
        for reading only where other things that belong to the studies are missing.
    """
    with db.repairing():
        try:
            check_file_in_use(db)
            if _is_new(db):
                _restore_from_copies(db, places, hub)
            migrate(db)
        except (StoreError, OSError, SQLAlchemyError) as error:
            db.pause(str(error), unreadable=True)
            return False
        try:
            check_log(db)
            check_sounds(db, places)
            append_missing_lines(db)
        except (StoreError, OSError, SQLAlchemyError) as error:
            db.pause(str(error))
            return False
    db.resume()
    if hub is not None:
        hub.start()
    return True


def _is_new(db: Database) -> bool:
    """Return whether nothing was ever stored: every transaction leaves an event."""
    with translate_driver_errors(db.url), db.engine.connect() as connection:
        if not inspect(connection).has_table(Event.__tablename__):
            return True
        return not connection.scalar(select(func.count()).select_from(Event))


def _restore_from_copies(db: Database, places: StorageLocations, hub: HubCopy | None) -> None:
    if hub is not None:
        logger.info("%d files fetched from the copy", hub.fetch())
    snapshot = newest_snapshot(places.backups)
    if snapshot is None and not Journal(places.events).files():
        return  # a first start
    restored = restore(db, snapshot, places.events)
    logger.info("restored %s and %d lines of the log: %s", snapshot, restored.lines, restored.rows)
