"""Bring a database forward by the lines of the log's copy, and check that nothing is missing between them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, insert, select, update

from undertone.studies.store.change_record import TABLES, Key, Row, from_json, key_of
from undertone.studies.store.database import Database, journal_line
from undertone.studies.store.engines import to_text
from undertone.studies.store.errors import StoreError
from undertone.studies.store.journal import Line
from undertone.studies.store.tables import Event

TOMBSTONE = {"withdrawn": True}
WITHDRAWN = "withdrawn"  # kind of the event that a withdrawal leaves
FORGOTTEN = "people.forgotten"  # of the event that is left when a closed study forgets who took part
BLANKING = (WITHDRAWN, FORGOTTEN)  # their payload names the events that they blanked
EVENTS = TABLES[Event.__tablename__]


@dataclass
class ReplayResult:
    """Counts of replayed lines, and the rows that must exist after them."""

    lines: int = 0
    skipped: int = 0  # already in the snapshot
    present: set[Key] = field(default_factory=set)
    absent: set[Key] = field(default_factory=set)


def replay_journal(connection: Connection, lines: Iterable[Line]) -> ReplayResult:
    """Apply lines in the order of their commits; those that the database has already are skipped.

    Raises:
        StoreError: a line follows an event that is nowhere: a file of the log's copy is missing.
    """
    done = ReplayResult()
    known = {row.id: row.uid for row in connection.execute(select(EVENTS.c.id, EVENTS.c.uid))}
    for line in lines:
        events = line["events"]
        first = events[0]["id"]
        for event in events:
            if known.get(event["id"], event["uid"]) != event["uid"]:
                raise StoreError(f"two different events have the id {event['id']}: the copies are of two databases.")
        if all(event["id"] in known for event in events):
            done.skipped += 1
            continue
        if line["previous"] is not None and line["previous"] not in known:
            raise StoreError(
                f"event {first} follows event {line['previous']}, which is neither in the snapshot nor in the log's "
                "copy: a file is missing. Bring it back and restore again."
            )
        _apply(connection, line, done)
        _append(connection, [event for event in events if event["id"] not in known])
        known.update({event["id"]: event["uid"] for event in events})
        done.lines += 1
    return done


def check_counts(connection: Connection, before: dict[str, set[str]], done: ReplayResult) -> dict[str, int]:
    """Compare every table with what the snapshot and the lines together must give.

    Returns:
        rows by table.
    Raises:
        StoreError: a table has other rows; it says how many.
    """
    after = keys_by_table(connection)
    for name, keys in after.items():
        if name == EVENTS.name:
            continue
        came = {key for table, key in done.present if table == name}
        went = {key for table, key in done.absent if table == name}
        expected = (before[name] - went) | came
        if keys != expected:
            raise StoreError(
                f"after the replay {name!r} has {len(keys)} rows, {len(expected)} were expected "
                f"({len(expected - keys)} missing, {len(keys - expected)} too many). Nothing was restored."
            )
    return {name: len(keys) for name, keys in after.items()}


def keys_by_table(connection: Connection) -> dict[str, set[str]]:
    """Return every primary key by table."""
    return {name: {str(key) for key in connection.scalars(select(key_of(t)))} for name, t in TABLES.items()}


def append_missing_lines(db: Database) -> int:
    """Write to the log's copy what a process could not write before it died; returns the number of lines.

    The rows of such a line are as they stand now, which later lines of the same rows repeat.
    """
    if db.journal is None or db.read_only:
        return 0
    shipped = {event["uid"] for line in db.journal.lines() for event in line["events"]}
    lines: list[Line] = []
    with db.reading() as session:
        previous: int | None = None
        for event in session.scalars(select(Event).order_by(Event.id)):
            if event.uid not in shipped:
                lines.append(journal_line(session, [event], previous))
            previous = event.id
    for line in lines:
        db.journal.write(to_text(line))
    return len(lines)


def _apply(connection: Connection, line: Line, done: ReplayResult) -> None:
    gone = [row for row in line["rows"] if row["row"] is None]
    for row in reversed(gone):  # children before parents
        table = TABLES[row["table"]]
        connection.execute(delete(table).where(key_of(table) == row["id"]))
        done.absent.add((row["table"], row["id"]))
        done.present.discard((row["table"], row["id"]))
    for row in line["rows"]:
        if row["row"] is not None:
            _upsert(connection, row["table"], row["id"], from_json(TABLES[row["table"]], row["row"]))
            done.present.add((row["table"], row["id"]))
            done.absent.discard((row["table"], row["id"]))


def _append(connection: Connection, events: Iterable[Row]) -> None:
    for event in events:
        connection.execute(insert(EVENTS), from_json(EVENTS, event))
        if event["kind"] in BLANKING:
            blanked = EVENTS.c.id.in_(event["payload"]["events"])
            connection.execute(update(EVENTS).where(blanked).values(payload=TOMBSTONE))


def _upsert(connection: Connection, name: str, key: str, values: dict[str, object]) -> None:
    table = TABLES[name]
    same = key_of(table) == key
    if connection.scalar(select(func.count()).select_from(table).where(same)):
        connection.execute(update(table).where(same).values(values))
    else:
        connection.execute(insert(table), values)
