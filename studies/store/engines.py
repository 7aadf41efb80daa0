"""Connections: SQLite so that a commit survives a power cut, PostgreSQL by URL."""

import json
import re
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError

from undertone.studies.store.errors import StoreError

BUSY_SECONDS = 20.0
READING = {"undertone_reading": True}  # execution options of a connection that only reads
READING_POSTGRESQL = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}  # one moment for all queries
PRAGMAS = (
    "journal_mode=WAL",  # readers and the writer do not wait for each other
    "synchronous=FULL",  # in WAL mode NORMAL may lose the last commits when the power fails
    "foreign_keys=ON",
    "secure_delete=ON",  # what a person withdrew is overwritten, not merely unlinked
    "recursive_triggers=ON",  # or INSERT OR REPLACE would delete from the log without its trigger
)


def to_text(value: Any) -> str:
    """Return JSON as it is stored; NaN and infinity are no JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


COMMON: dict[str, Any] = {"json_serializer": to_text, "hide_parameters": True}  # no answers or ids in error texts
_FIRST_LINE = re.compile(r"\n.*", re.DOTALL)  # PostgreSQL tells the values of a refused row behind the first line


def make_engine(url: str, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Return an engine for a database URL; the folder of a SQLite file is made.

    Args:
        busy_seconds: how long a transaction waits for another one's lock.
    Raises:
        StoreError: not a URL, or neither SQLite nor PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            f"{url!r} is not a database URL. Use sqlite:///FILE or postgresql://USER@HOST/NAME."
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed, busy_seconds)
    if backend == "postgresql":
        return _postgresql(parsed, busy_seconds)
    raise StoreError(f"database URL is for {backend!r}; expected sqlite:///FILE or postgresql://USER@HOST/NAME.")


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    options: dict[str, Any] = {
        **COMMON,
        "connect_args": {"check_same_thread": False, "timeout": busy_seconds},
    }
    if url.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
    else:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, **options)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where `begin` says, not where the driver guesses
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns into a write can be refused at once, whatever the busy timeout.
        reading = connection.get_execution_options().get("undertone_reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL, busy_seconds: float) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    settings = f"-c timezone=UTC -c lock_timeout={int(busy_seconds * 1000)}"
    engine = create_engine(
        url,
        **COMMON,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
        connect_args={"options": settings},
    )
    event.listen(engine, "handle_error", _without_values)
    return engine


def _without_values(context: ExceptionContext) -> None:
    """Cut what PostgreSQL says of a refused row to its first line: `DETAIL` tells the row's values."""
    said = _FIRST_LINE.sub("", str(context.original_exception))
    context.original_exception.args = (said,)
    if context.sqlalchemy_exception is not None:
        kind = type(context.original_exception)
        context.sqlalchemy_exception.args = (f"({kind.__module__}.{kind.__name__}) {said}",)
