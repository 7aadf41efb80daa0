"""Which of the servers that share studies keeps their copy on the Hub: one at a time, the next one when it ends."""

import logging
from contextlib import suppress

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from undertone.studies.store.database import Database
from undertone.studies.store.locations import StorageLocations

logger = logging.getLogger(__name__)
UPLOAD_LOCK = 0x756E64657275  # any number, the same in every process
_FILE = ".uploading.lock"


class UploadTurn:
    """The right to upload: an advisory lock of PostgreSQL, or a lock on a file beside SQLite's.

    Both end with the process that holds them, however it ends.

    Args:
        db: that the servers share.
        places: holds the data folder.
    """

    def __init__(self, db: Database, places: StorageLocations) -> None:
        self._db, self._folder = db, places.data
        self._file = FileLock(places.data / _FILE)
        self._connection: Connection | None = None
        self._said = False

    def take(self) -> bool:
        """Return whether this process may upload now; safe to repeat, and to call where it already may."""
        may = self._take_file() if self._db.is_sqlite else self._take_of_postgresql()
        if not may and not self._said:
            logger.warning("another server keeps the copy of these studies on the Hub; this one uploads nothing")
            self._said = True
        return may

    def release(self) -> None:
        """Let another server upload."""
        self._file.release()
        self._disconnect()

    def _take_file(self) -> bool:
        if self._file.is_locked:
            return True
        self._folder.mkdir(parents=True, exist_ok=True)
        with suppress(Timeout):
            self._file.acquire(blocking=False)
        return self._file.is_locked

    def _take_of_postgresql(self) -> bool:
        """Ask for the lock, which is given again to the connection that has it: the answer says that it still lives."""
        try:
            if self._connection is None:
                self._connection = self._db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if self._connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": UPLOAD_LOCK}):
                return True
        except SQLAlchemyError as error:  # it was restarted: whoever asks first has the turn now
            logger.error("nothing is uploaded for now: %s", type(error).__name__)
        self._disconnect()
        return False

    def _disconnect(self) -> None:
        """Close the connection and not just hand it back to its pool: the lock is gone with it."""
        if self._connection is None:
            return
        with suppress(SQLAlchemyError):
            self._connection.invalidate()
            self._connection.close()
        self._connection = None
