"""One transaction per block, on SQLite and on PostgreSQL alike."""

import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from tests.studies.store.samples import make_rater, make_study, rate
from undertone.studies.store import Database, StoreError
from undertone.studies.store.tables import Event, Participant, Rating, Session, Study, Trial


def count(db: Database, table: type) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def a_study(name: str = "s", **values: object) -> Study:
    return Study(**{"name": name, "title": "t", "definition": {}, "definition_hash": "h", "seed": 1, **values})


def test_a_block_is_saved_as_a_whole_or_not_at_all(database: Database) -> None:
    def half_way() -> None:
        with database.session() as session:
            session.add(a_study("one"))
            database.log(session, "made", {})
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_way()
    assert (count(database, Study), count(database, Event)) == (0, 0)
    assert list(database.journal.lines()) == []  # type: ignore[union-attr]
    with database.session() as session:
        session.add(a_study("one"))
        database.log(session, "made", {})
    assert (count(database, Study), count(database, Event)) == (1, 1)


def test_sqlite_runs_with_the_settings_that_survive_a_power_cut(database: Database) -> None:
    if not database.is_sqlite:
        with database.engine.connect() as connection:
            assert connection.scalar(text("SHOW synchronous_commit")) == "on"
        return
    with database.engine.connect() as connection:
        got = {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        }
    assert got == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 20000,
    }


def test_times_come_back_in_utc_and_naive_ones_are_refused(database: Database) -> None:
    opened = datetime(2026, 7, 1, 14, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
    with database.session() as session:
        session.add(a_study(opened_at=opened))
    with database.reading() as session:
        found = session.scalars(select(Study)).one()
    assert found.opened_at == opened
    assert found.opened_at is not None
    assert found.opened_at.tzinfo is UTC
    with pytest.raises(Exception, match="no time zone"), database.session() as session:
        session.add(a_study("other", opened_at=datetime(2026, 7, 1)))


def test_words_outside_the_list_and_orphans_are_refused_by_the_database_itself(database: Database) -> None:
    study, stimuli = make_study(database)
    sample = make_rater(database, study, stimuli)
    with pytest.raises(IntegrityError), database.session() as session:
        session.execute(update(Session).values(state="asleep"))
    with pytest.raises(IntegrityError), database.session() as session:
        session.execute(update(Trial).where(Trial.id == sample.trials[0]).values(stimulus_id="nowhere"))
    with pytest.raises(IntegrityError), database.session() as session:
        session.execute(delete(Study))


def test_a_trial_is_rated_once_on_each_scale(database: Database) -> None:
    study, stimuli = make_study(database)
    sample = make_rater(database, study, stimuli)
    rate(database, sample, sample.trials[0], 4)
    rate(database, sample, sample.trials[0], 2, scale="meaningfulness")
    with pytest.raises(IntegrityError):
        rate(database, sample, sample.trials[0], 5)
    assert count(database, Rating) == 2


def test_a_panels_id_joins_a_study_once_and_people_without_one_as_often_as_they_come(database: Database) -> None:
    study, stimuli = make_study(database)
    make_rater(database, study, stimuli)
    with pytest.raises(IntegrityError):
        make_rater(database, study, stimuli)
    with database.session() as session:
        session.add_all([Participant(study_id=study), Participant(study_id=study)])
    assert count(database, Participant) == 3


def test_the_log_can_only_grow(database: Database) -> None:
    make_study(database)
    before = count(database, Event)
    for statement in (
        update(Event).values(kind="other"),
        update(Event).values(payload={"name": "changed"}),
        update(Event).values(payload={"withdrawn": True}, kind="other"),
        delete(Event),
    ):
        with pytest.raises(IntegrityError, match="append-only"), database.session() as session:
            session.execute(statement)
    if database.is_sqlite:
        with pytest.raises(IntegrityError), database.engine.begin() as connection:
            connection.execute(text("INSERT OR REPLACE INTO event SELECT * FROM event"))
    else:
        with pytest.raises(Exception, match="append-only"), database.engine.begin() as connection:
            connection.execute(text("TRUNCATE event"))
    with database.session() as session:
        session.execute(update(Event).values(payload={"withdrawn": True}))
    assert count(database, Event) == before


def test_every_transaction_leaves_an_event_that_names_the_rows_it_touched(database: Database) -> None:
    with database.session() as session:
        study = a_study()
        session.add(study)
    with database.session() as session:
        session.execute(update(Study).values(title="Another"))
    with database.session() as session:
        session.execute(delete(Study))
    with database.reading() as session:
        events = list(session.scalars(select(Event).order_by(Event.id)))
    assert [event.touched for event in events] == [[["study", study.id]]] * 3
    lines = list(database.journal.lines())  # type: ignore[union-attr]
    assert [line["rows"][0]["row"] and line["rows"][0]["row"]["title"] for line in lines] == ["t", "Another", None]
    assert [line["previous"] for line in lines] == [None, events[0].id, events[1].id]


def test_what_would_escape_the_copy_of_the_log_is_refused(database: Database) -> None:
    with pytest.raises(StoreError, match=r"session\.add"), database.session() as session:
        session.execute(insert(Study), [{"name": "x"}])
    with pytest.raises(Exception, match="JSON"), database.session() as session:
        session.add(a_study(definition={"bad": float("nan")}))
    assert count(database, Study) == 0


def test_a_json_column_changed_in_place_is_saved(database: Database) -> None:
    study, stimuli = make_study(database)
    sample = make_rater(database, study, stimuli)
    with database.session() as session:
        own, trial = session.get_one(Session, sample.session), session.get_one(Trial, sample.trials[0])
        own.screening["traps"] = {"passed": True}
        trial.listened.append([0.0, 1.5])
    with database.reading() as session:
        assert session.get_one(Session, sample.session).screening == {"traps": {"passed": True}}
        assert session.get_one(Trial, sample.trials[0]).listened == [[0.0, 1.5]]


def test_a_paused_database_can_be_read_and_not_written(database: Database) -> None:
    make_study(database)
    database.pause("the restore failed")
    assert database.read_only
    for write in (
        lambda session: session.add(a_study("new")),
        lambda session: session.execute(update(Study).values(title="x")),
        lambda session: session.delete(session.scalars(select(Study)).one()),
        lambda session: database.log(session, "x"),
    ):
        with pytest.raises(StoreError, match=r"study paused.*the restore failed"), database.session() as session:
            write(session)
    with database.session() as session:
        assert session.scalars(select(Study.name)).all() == ["sample"]


def test_reading_waits_for_no_writer_and_sees_one_moment(database: Database) -> None:
    make_study(database)
    with database.session() as writing:
        writing.execute(update(Study).values(title="half way"))
        started = time.monotonic()
        with database.reading() as session:
            assert session.scalars(select(Study.title)).one() == "A study"
        assert time.monotonic() - started < 5
    with database.reading() as session:
        assert session.scalars(select(Study.title)).one() == "half way"
        thread = threading.Thread(target=make_study, args=(database, "second"))
        thread.start()
        thread.join()
        assert session.scalar(select(func.count()).select_from(Study)) == 1
        session.add(a_study("new"))
        with pytest.raises(StoreError, match="view for reading"):
            session.flush()


def test_a_session_inside_another_one_is_refused_at_once(database: Database) -> None:
    started = time.monotonic()
    with pytest.raises(StoreError, match="inside another"), database.session(), database.session():
        pass
    assert time.monotonic() - started < 5
    make_study(database)


def test_a_url_that_cannot_be_used_is_named() -> None:
    for url, word in (("mysql://x/y", "mysql"), ("nonsense", "nonsense")):
        with pytest.raises(StoreError, match=word):
            Database(url)
