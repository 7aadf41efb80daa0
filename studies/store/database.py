"""The database of studies: one transaction at a time per `with` block, logged, copied, and refused when read-only."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, insert, text
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.orm import Session as Transaction

from undertone.studies.store.change_record import TABLES, ChangeRecord, RecordedTransaction, changed_rows, to_json
from undertone.studies.store.columns import new_id, utc_now
from undertone.studies.store.driver_errors import translate_driver_errors
from undertone.studies.store.engines import BUSY_SECONDS, READING, READING_POSTGRESQL, make_engine, to_text
from undertone.studies.store.errors import StoreError
from undertone.studies.store.journal import Journal, Line
from undertone.studies.store.locations import StorageLocations
from undertone.studies.store.tables import Actor, Event

logger = logging.getLogger(__name__)
COMMIT_LOCK = 0x756E646572  # any number, the same in every process
_EVENTS = TABLES[Event.__tablename__]
_NEW_EVENT = insert(_EVENTS)


class Database:
    """Database of studies. Safe to use from several threads and processes at once.

    Args:
        url: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`; None is the default place.
        events_folder: where the log's JSONL copy is written; None keeps no copy.
        busy_seconds: how long a transaction waits for another one's lock.
    """

    def __init__(
        self, url: str | None = None, events_folder: Path | None = None, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self.url = url or StorageLocations.default().url
        self.engine: Engine = make_engine(self.url, busy_seconds)
        self._busy_seconds = busy_seconds
        self.journal = Journal(events_folder) if events_folder is not None else None
        self._paused: str | None = None
        self._unreadable = False
        self._repairing = threading.local()
        # SQLite lets a waiting writer sleep and try again; a queue of threads is fairer and wakes at once.
        self._turn = threading.Lock() if self.is_sqlite else None
        self._writing = threading.local()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def read_only(self) -> bool:
        """Return whether writes are refused, to this thread."""
        return self._paused is not None and not getattr(self._repairing, "now", False)

    def pause(self, reason: str, unreadable: bool = False) -> None:
        """Refuse every write from now on, and upload nothing: what is stored may not be the whole.

        Args:
            unreadable: refuse to read too: nothing may be concluded from what is or is not there.
        """
        if reason != self._paused:
            logger.error("studies are paused: %s", reason)
        self._paused, self._unreadable = reason, unreadable

    @contextmanager
    def repairing(self) -> Iterator[None]:
        """Let this thread read and write a paused database, to bring back what is missing."""
        self._repairing.now = True
        try:
            yield
        finally:
            self._repairing.now = False

    def resume(self) -> None:
        """Take writes again."""
        if self._paused is not None:
            logger.warning("studies go on")
        self._paused, self._unreadable = None, False

    @contextmanager
    def session(self) -> Iterator[Transaction]:
        """Open one transaction: saved at the end of the block, undone on any error.

        When the block has ended, what it wrote is on disk in the database and in the log's copy. Add and change
        objects, or use UPDATE and DELETE statements of classes; INSERT statements would escape the copy.

        Raises:
            StoreError: read-only, locked for too long, or the disk is full; nothing of the block was saved.
            IntegrityError: a constraint was broken, for example the same row written by another request.
        """
        self._refuse_reading()
        with (
            self._write_lock(),
            RecordedTransaction(self.engine, expire_on_commit=False) as transaction,
            translate_driver_errors(self.url),
        ):
            if self.read_only and self._paused is not None:
                _refuse_writes(transaction, self._paused)
            yield transaction
            line = self._finish(transaction)
            text_of_line = None if line is None else to_text(line)  # before the commit: it may refuse a value
            transaction.commit()
        if text_of_line is not None and self.journal is not None:
            self.journal.write(text_of_line)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a consistent view for queries; waits for nobody and writes nothing.

        Raises:
            StoreError: what is stored cannot be read now.
        """
        self._refuse_reading()
        engine = self.engine.execution_options(**(READING if self.is_sqlite else READING_POSTGRESQL))
        with _Reading(engine, expire_on_commit=False) as transaction, translate_driver_errors(self.url):
            yield transaction
            transaction.expunge_all()  # what was read stays usable behind the block
            transaction.rollback()

    def log(
        self,
        session: Transaction,
        kind: str,
        payload: dict[str, Any] | None = None,
        *,
        study_id: str | None = None,
        session_id: str | None = None,
        actor: Actor = "server",
        at: datetime | None = None,
    ) -> None:
        """Append an event to the log, in the same transaction as what it tells of.

        Args:
            session: of `Database.session()`.
            kind: what happened, such as "rated" or "study.opened".
            at: by the caller's clock; None is now.
        """
        values = {"study_id": study_id, "session_id": session_id, "actor": actor, "at": at or utc_now()}
        ChangeRecord.of(session).events.append(Event(kind=kind, payload=payload or {}, **values))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    # -----------------------------------------------------------------------------------------------------------

    def _refuse_reading(self) -> None:
        if self._unreadable and self.read_only:
            raise StoreError(f"study paused, nothing can be read: {self._paused}")

    @contextmanager
    def _write_lock(self) -> Iterator[None]:
        if getattr(self._writing, "now", False):
            raise StoreError("a session was opened inside another one of the same thread. Use one for both.")
        if self._turn is not None and not self._turn.acquire(timeout=self._busy_seconds):
            raise StoreError(f"the database was busy for {self._busy_seconds:g} s; nothing was saved. Try again.")
        self._writing.now = True
        try:
            yield
        finally:
            self._writing.now = False
            if self._turn is not None:
                self._turn.release()

    def _finish(self, transaction: Transaction) -> Line | None:
        """Write the events last, one transaction at a time: the order of their ids is the order of the commits."""
        transaction.flush()
        record = ChangeRecord.of(transaction)
        if not record.touched and not record.events:
            return None
        if self.read_only and self._paused is not None:
            raise _refusal(self._paused)
        if not self.is_sqlite:  # SQLite has one writer anyway
            transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": COMMIT_LOCK})
        events = record.events or [Event(kind="saved", payload={}, actor="server", at=utc_now())]
        events[0].touched = [list(key) for key in record.touched]
        connection = transaction.connection()
        previous = connection.exec_driver_sql("SELECT max(id) FROM event").scalar()
        for one in events:  # one by one: their ids follow the order in which they were logged
            one.uid, one.touched = new_id(), one.touched or []
            given = {column.name: getattr(one, column.name) for column in _EVENTS.columns if not column.primary_key}
            key = connection.execute(_NEW_EVENT, given).inserted_primary_key
            assert key is not None
            one.id = key[0]
        return journal_line(transaction, events, previous)


def journal_line(transaction: Transaction, events: list[Event], previous: int | None) -> Line:
    """Return a line of the log's copy: the events and the last state of the rows that they touched."""
    keys = [(table, key) for one in events for table, key in one.touched]
    return {
        "previous": previous,
        "events": [
            to_json({column.name: getattr(one, column.name) for column in Event.__table__.columns}) for one in events
        ],
        "rows": changed_rows(transaction, keys),
    }


def _refusal(reason: str) -> StoreError:
    return StoreError(f"study paused, nothing can be saved: {reason}.")


def _refuse_writes(transaction: Transaction | type[Transaction], reason: str) -> None:
    """Refuse at the first write, before anything reaches the database."""

    @event.listens_for(transaction, "before_flush")
    def flushing(writing: Transaction, _: Any, __: Any) -> None:
        if writing.new or writing.deleted or any(writing.is_modified(row) for row in writing.dirty):
            raise _refusal(reason)

    @event.listens_for(transaction, "do_orm_execute")
    def executing(state: ORMExecuteState) -> None:
        if not state.is_select:
            raise _refusal(reason)


class _Reading(Transaction):
    """A transaction that writes nothing."""


_refuse_writes(_Reading, "this is a view for reading; use Database.session() to write")
