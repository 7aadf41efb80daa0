"""Which rows a transaction touched, noticed as SQLAlchemy writes them, and their last state as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Table, bindparam, event, false, inspect, select
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.orm import Session as Transaction

from undertone.studies.store.columns import Base
from undertone.studies.store.errors import StoreError
from undertone.studies.store.tables import Event

Key = tuple[str, str]  # table, primary key
Row = dict[str, Any]

TABLES: dict[str, Table] = {table.name: table for table in Base.metadata.sorted_tables}  # parents before children
IN_ONE_QUERY = 500


@dataclass
class ChangeRecord:
    """Rows and events of a transaction so far."""

    touched: dict[Key, None] = field(default_factory=dict)  # in order, each once
    events: list[Event] = field(default_factory=list)

    @classmethod
    def of(cls, transaction: Transaction) -> "ChangeRecord":
        """Return the record that belongs to a transaction."""
        record: ChangeRecord = transaction.info.setdefault("record", cls())
        return record


class RecordedTransaction(Transaction):
    """A transaction that notes every row that it adds, changes or deletes, in its `ChangeRecord`."""


@event.listens_for(RecordedTransaction, "after_flush")
def _flushed(transaction: Transaction, _: Any) -> None:
    changed = [row for row in transaction.dirty if transaction.is_modified(row)]
    for row in [*transaction.new, *changed, *transaction.deleted]:
        _note(transaction, inspect(row).mapper.local_table, inspect(row).mapper.primary_key_from_instance(row))


@event.listens_for(RecordedTransaction, "do_orm_execute")
def _executed(state: ORMExecuteState) -> None:
    if state.is_insert:
        raise StoreError(
            "an INSERT statement would not reach the copy of the log. Add objects to the session: "
            "session.add(Rating(...)) or session.add_all([...])."
        )
    if state.is_update or state.is_delete:
        _note_bulk(state.session, state)


def changed_rows(transaction: Transaction, keys: Iterable[Key]) -> list[Row]:
    """Return the rows as they stand now, `{"table", "id", "row"}`, None for a row that is gone; parents first."""
    wanted: dict[str, list[str]] = {}
    for table_name, key in keys:
        wanted.setdefault(table_name, []).append(key)
    rows: list[Row] = []
    for name, table in TABLES.items():
        ids = wanted.get(name, [])
        for start in range(0, len(ids), IN_ONE_QUERY):
            some = ids[start : start + IN_ONE_QUERY]
            found = transaction.connection().execute(_ROWS[name], {"ids": some}).mappings()
            by_id = {str(row[key_of(table).name]): to_json(dict(row)) for row in found}
            rows += [{"table": name, "id": key, "row": by_id.get(key)} for key in some]
    return rows


def key_of(table: Any) -> Any:
    """Return the primary key's column; every table has one column."""
    (column,) = table.primary_key.columns
    return column


_ROWS = {
    name: select(table).where(key_of(table).in_(bindparam("ids", expanding=True))) for name, table in TABLES.items()
}


def to_json(row: Row) -> Row:
    """Return the row with its times as text."""
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}


def from_json(table: Table, row: Row) -> Row:
    """Return the row with its times parsed; a column that the table lacks is an error."""
    unknown = row.keys() - set(table.columns.keys())
    if unknown:
        raise StoreError(
            f"a row of {table.name!r} has unknown columns {sorted(unknown)}; was it written by a newer one?"
        )
    return {
        key: datetime.fromisoformat(value) if value is not None and _is_time(table, key) else value
        for key, value in row.items()
    }


def _is_time(table: Table, column: str) -> bool:
    kind = table.columns[column].type
    return isinstance(getattr(kind, "impl", kind), DateTime)


def _note(transaction: Transaction, table: Any, key: Iterable[Any]) -> None:
    if table.name != Event.__tablename__:
        ChangeRecord.of(transaction).touched[(table.name, str(next(iter(key))))] = None


def _note_bulk(transaction: Transaction, state: ORMExecuteState) -> None:
    """Pin an UPDATE or DELETE to the rows that it matches now, and note them."""
    mapper = state.bind_mapper
    if mapper is None:
        raise StoreError("an UPDATE or DELETE of a bare table would not reach the copy of the log; use the class.")
    statement: Any = state.statement
    column = key_of(mapper.local_table)
    query = select(column).with_for_update()
    if statement.whereclause is not None:
        query = query.where(statement.whereclause)
    transaction.flush()
    keys = list(transaction.connection().scalars(query))
    for key in keys:
        _note(transaction, mapper.local_table, [key])
    state.statement = statement.where(column.in_(keys) if keys else false())
