"""What a snapshot and the log's copy bring back is everything, or nothing at all."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.studies.store.samples import Sample, make_rater, make_study, rate
from tests.studies_database import new_database
from undertone.studies.store import Database, StoreError
from undertone.studies.store.backup import SnapshotSchedule, check_file, newest_snapshot, snapshot, snapshots
from undertone.studies.store.change_record import key_of
from undertone.studies.store.columns import Base
from undertone.studies.store.journal_replay import append_missing_lines
from undertone.studies.store.restore import restore
from undertone.studies.store.tables import Rating


def everything(db: Database) -> dict[str, list[Any]]:
    with db.reading() as session:
        connection = session.connection()
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(key_of(table)))]
            for table in Base.metadata.sorted_tables
        }


def filled(db: Database, ratings: int = 4) -> Sample:
    study, stimuli = make_study(db)
    sample = make_rater(db, study, stimuli)
    for trial in sample.trials[:ratings]:
        rate(db, sample, trial, 3)
    return sample


def fresh(tmp_path: Path, name: str = "fresh") -> Database:
    return new_database(tmp_path / f"{name}.sqlite")


def test_a_snapshot_and_the_lines_after_it_give_every_row_back(database: Database, tmp_path: Path) -> None:
    sample = filled(database)
    path = snapshot(database, tmp_path / "backups")
    for trial in sample.trials[4:]:
        rate(database, sample, trial, 5)
    target = fresh(tmp_path)
    restored = restore(target, path, tmp_path / "events")
    assert everything(target) == everything(database)
    assert (restored.lines, restored.rows["rating"]) == (2, 6)
    rate(target, sample, sample.trials[0], 2, scale="meaningfulness")  # and it can be used


def test_the_lines_alone_give_every_row_back(database: Database, tmp_path: Path) -> None:
    filled(database)
    target = fresh(tmp_path)
    restored = restore(target, None, tmp_path / "events")
    assert everything(target) == everything(database)
    assert restored.skipped == 0


def test_it_can_be_restored_into_the_same_kind_of_database(database: Database, tmp_path: Path) -> None:
    sample = filled(database)
    path = snapshot(database, tmp_path / "backups")
    before = everything(database)
    with database.engine.begin() as connection:
        if database.is_sqlite:
            connection.execute(text("PRAGMA defer_foreign_keys=ON"))
            connection.execute(text("DROP TRIGGER event_stays"))
        else:
            connection.execute(text("ALTER TABLE event DISABLE TRIGGER USER"))
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
        if not database.is_sqlite:
            connection.execute(text("ALTER TABLE event ENABLE TRIGGER USER"))
    restore(database, path, tmp_path / "events")
    assert everything(database) == before
    rate(database, sample, sample.trials[5], 1)  # event ids go on behind the restored ones


def test_a_snapshot_taken_while_others_write_restores_completely(database: Database, tmp_path: Path) -> None:
    study, stimuli = make_study(database, stimuli=60)
    sample = make_rater(database, study, stimuli)
    half_done = threading.Event()

    def write() -> None:
        for index, trial in enumerate(sample.trials):
            rate(database, sample, trial, 4)
            if index == 20:
                half_done.set()

    writer = threading.Thread(target=write)
    writer.start()
    half_done.wait(60)
    path = snapshot(database, tmp_path / "backups")
    writer.join()
    check_file(path)
    alone = Database(f"sqlite:///{path}")
    with alone.reading() as session:
        inside = len(session.scalars(select(Rating)).all())
    alone.close()
    assert 20 <= inside <= 60
    target = fresh(tmp_path)
    restored = restore(target, path, tmp_path / "events")
    assert restored.rows["rating"] == 60
    assert everything(target) == everything(database)


def test_changes_and_deletions_are_replayed(database: Database, tmp_path: Path) -> None:
    sample = filled(database)
    path = snapshot(database, tmp_path / "backups")
    with database.session() as session:
        ratings = list(session.scalars(select(Rating)))
        ratings[0].value, ratings[0].revision = 1.0, 1
        session.delete(ratings[1])
    rate(database, sample, sample.trials[5], 2)
    for source in (path, None):
        target = fresh(tmp_path, f"fresh-{source is None}")
        restore(target, source, tmp_path / "events")
        assert everything(target) == everything(database)


def test_a_missing_file_of_the_log_stops_the_restore_and_leaves_nothing(tmp_path: Path) -> None:
    ratings = []
    for part in range(3):  # three process starts, three files
        if part == 0:
            db = new_database(tmp_path / "studies.sqlite", tmp_path / "events")
            sample = filled(db, ratings=1)
        else:
            db = Database(f"sqlite:///{tmp_path / 'studies.sqlite'}", tmp_path / "events")
            rate(db, sample, sample.trials[part], 3)
        assert db.journal is not None
        ratings.append(db.journal.path)
        db.close()
    assert len(set(ratings)) == 3
    ratings[1].unlink()
    target = fresh(tmp_path)
    with pytest.raises(StoreError, match="a file is missing"):
        restore(target, None, tmp_path / "events")
    assert not any(everything(target).values())


def test_a_damaged_snapshot_or_line_stops_the_restore(database: Database, tmp_path: Path) -> None:
    filled(database)
    path = snapshot(database, tmp_path / "backups")
    broken = tmp_path / "broken.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:12288] = bytes(8192)
    broken.write_bytes(content)
    target = fresh(tmp_path)
    with pytest.raises(StoreError, match=r"broken\.sqlite"):
        restore(target, broken, None)
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "events", copy)
    (file,) = copy.glob("*.jsonl")
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join([lines[0], lines[1][:50] + "\n", *lines[2:]]), encoding="utf-8")
    with pytest.raises(StoreError, match="line 2 is damaged"):
        restore(target, None, copy)
    assert not any(everything(target).values())


def test_a_last_line_cut_short_was_never_acknowledged_and_is_left_out(database: Database, tmp_path: Path) -> None:
    filled(database, ratings=3)
    (file,) = (tmp_path / "events").glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-30])
    target = fresh(tmp_path)
    assert restore(target, None, tmp_path / "events").rows["rating"] == 2


def test_the_logs_of_two_databases_are_not_mixed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        db = new_database(tmp_path / f"{name}.sqlite", tmp_path / "events")
        filled(db)
        db.close()
    with pytest.raises(StoreError, match="two databases"):
        restore(fresh(tmp_path), None, tmp_path / "events")


def test_a_database_in_use_is_never_restored_over(database: Database, tmp_path: Path) -> None:
    filled(database)
    path = snapshot(database, tmp_path / "backups")
    before = everything(database)
    with pytest.raises(StoreError, match="has rows already"):
        restore(database, path, tmp_path / "events")
    assert everything(database) == before


def test_what_a_dying_process_could_not_copy_is_copied_at_the_next_start(database: Database, tmp_path: Path) -> None:
    sample = filled(database, ratings=2)
    without = Database(database.url)  # as if it died between its commits and its copies
    rate(without, sample, sample.trials[2], 4)
    rate(without, sample, sample.trials[3], 4)
    without.close()
    rate(database, sample, sample.trials[4], 4)
    assert append_missing_lines(database) == 2
    assert append_missing_lines(database) == 0
    target = fresh(tmp_path)
    restore(target, None, tmp_path / "events")
    assert everything(target) == everything(database)


def test_a_copy_that_cannot_be_written_catches_up_and_costs_no_rating(database: Database, tmp_path: Path) -> None:
    sample = filled(database, ratings=1)
    journal = database.journal
    assert journal is not None
    hidden = tmp_path / "hidden"
    (tmp_path / "events").rename(hidden)
    (tmp_path / "events").write_text("a file where the folder was")
    rate(database, sample, sample.trials[1], 4)
    assert journal.behind == 1
    (tmp_path / "events").unlink()
    hidden.rename(tmp_path / "events")
    rate(database, sample, sample.trials[2], 4)
    assert journal.behind == 0
    target = fresh(tmp_path)
    restore(target, None, tmp_path / "events")
    assert everything(target) == everything(database)


def test_snapshots_come_when_something_has_happened_and_the_oldest_go(database: Database, tmp_path: Path) -> None:
    sample = filled(database, ratings=0)
    backups = tmp_path / "backups"
    taken = threading.Semaphore(0)
    schedule = SnapshotSchedule(database, backups, every_minutes=0.0005, after=taken.release).start()
    for trial in sample.trials[:3]:
        rate(database, sample, trial, 3)
        assert taken.acquire(timeout=60)
    schedule.stop()
    count = len(snapshots(backups))
    schedule.stop()  # nothing happened since
    assert len(snapshots(backups)) == count
    for _ in range(3):
        snapshot(database, backups, kept=2)
    assert len(snapshots(backups)) == 2
    assert newest_snapshot(backups) == snapshots(backups)[-1]
    assert (backups / "latest.sqlite").read_bytes() == snapshots(backups)[-1].read_bytes()


def test_a_paused_database_displaces_no_snapshot(database: Database, tmp_path: Path) -> None:
    filled(database)
    schedule = SnapshotSchedule(database, tmp_path / "backups")
    database.pause("the restore failed")
    schedule.stop()
    assert snapshots(tmp_path / "backups") == []


def test_the_copy_is_one_json_object_per_line(database: Database, tmp_path: Path) -> None:
    filled(database)
    for path in (tmp_path / "events").glob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert set(json.loads(line)) == {"previous", "events", "rows"}
