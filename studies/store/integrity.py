"""Integrity checks of the database's file, of the log's copy, and of the sounds of open studies."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import make_url

from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.locations import StorageLocations
from undertone.studies.store.tables import Event, Stimulus, Study


def check_file_in_use(db: Database) -> None:
    """Run SQLite's quick check on the file in use.

    Raises:
        StoreError: the file is damaged.
    """
    name = make_url(db.url).database
    if not db.is_sqlite or not name or name == ":memory:" or not Path(name).exists():
        return
    try:
        with closing(sqlite3.connect(name)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA quick_check")]
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{name} is damaged: {error}. Restore it with `undertone study restore`.") from error
    if found != ["ok"]:
        raise StoreError(f"{name} is damaged: {'; '.join(found[:3])}. Restore it with `undertone study restore`.")


def check_log(db: Database) -> None:
    """Compare the log's copy with the database. Every commit is copied after it, so the copy is never ahead.

    Raises:
        StoreError: the copy is of another database, has more than this one, or is no folder.
    """
    if db.journal is None:
        return
    folder = db.journal.folder
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is no folder; the log's copy belongs there. Put the folder back.")
    with db.reading() as session:
        known = {row.id: row.uid for row in session.execute(select(Event.id, Event.uid))}
    ahead = 0
    for line in db.journal.lines():
        for event in line["events"]:
            uid = known.get(event["id"])
            if uid is not None and uid != event["uid"]:
                raise StoreError(
                    f"the log's copy in {folder} is of another database: its event {event['id']} is not the one here. "
                    "Put the folder of this database back."
                )
            ahead += uid is None
    if ahead:
        raise StoreError(
            f"the log's copy in {folder} has {ahead} events that the database lacks: an older database was put in its "
            "place. Restore it with `undertone study restore`."
        )


def check_sounds(db: Database, places: StorageLocations) -> None:
    """Look for every sound of the studies that raters can enter; what is in the files is checked when one opens.

    Raises:
        StoreError: some are missing; it names the study and one of them.
    """
    query = (
        select(Study.name, Study.id, Stimulus.path)
        .join(Stimulus, Stimulus.study_id == Study.id)
        .where(Study.status == "open")
        .order_by(Study.name)
    )
    with db.reading() as session:
        wanted = [(name, places.media_of(study) / path) for name, study, path in session.execute(query)]
    missing = [(name, path) for name, path in wanted if not path.is_file()]
    if missing:
        name, path = missing[0]
        raise StoreError(
            f"{len(missing)} sounds are missing, such as {path} of study {name!r}. Put the folder of sounds back."
        )
