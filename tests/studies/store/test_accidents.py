"""Killed processes, crowds, full disks, locks and jumping clocks: no acknowledged rating is lost, none is doubled."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from tests.studies.store.samples import NOW, Sample, make_rater, make_study, rate
from undertone.studies.store import Database, StoreError, migrate
from undertone.studies.store import backup as backup_module
from undertone.studies.store.backup import newest_snapshot, snapshot
from undertone.studies.store.journal_replay import append_missing_lines
from undertone.studies.store.restore import restore
from undertone.studies.store.tables import Event, Rating

ROOT = Path(__file__).parents[3]
NUM_RATINGS = 500


def rated(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(Rating.trial_id)))


class Writers:
    """Starts writing processes one after the other; each can be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._line() == "ready"

    def start(self, db: Database, events: Path, sample: Sample, left: list[str], moment: str = "") -> int:
        """The new process's id; with a moment it kills itself in its fiftieth transaction."""
        names = {"url": db.url, "events": str(events), "session": sample.session, "study": sample.study}
        job = {**names, "trials": left, "moment": moment, "number": 50}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        self._early: list[str] = []
        while not (line := self._line()).startswith("pid "):
            self._early.append(line)  # the child was faster than its parent
        return int(line.split()[1])

    def acknowledged(self, at_most: int) -> list[str]:
        return [self._next() for _ in range(at_most)]

    def rest(self) -> tuple[list[str], int]:
        """What else was acknowledged, and how the process ended."""
        got = []
        while not (line := self._next()).startswith("ended "):
            got.append(line)
        return got, int(line.split()[1])

    def _next(self) -> str:
        return self._early.pop(0) if self._early else self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the writer ended"
        return line.strip()


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    command = [sys.executable, "-m", "tests.studies.store.writer"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Writers(process)
        assert process.stdin is not None
        process.stdin.close()


def test_killing_the_writer_loses_no_acknowledged_rating_and_doubles_none(
    database: Database, writers: Writers, tmp_path: Path
) -> None:
    study, stimuli = make_study(database, stimuli=NUM_RATINGS)
    sample = make_rater(database, study, stimuli)
    events = tmp_path / "events"
    rng = random.Random(4)
    done: set[str] = set()

    def left() -> list[str]:
        return [trial for trial in sample.trials if trial not in done]

    for number in (40, 80, 20, 60):  # between two ratings, and at any moment of one
        process = writers.start(database, events, sample, left())
        done |= set(writers.acknowledged(number))
        time.sleep(rng.uniform(0, 0.02))
        os.kill(process, signal.SIGKILL)
        more, ended = writers.rest()
        done |= set(more)
        assert ended == -signal.SIGKILL
        assert done <= set(rated(database))
    for moment in ("before_commit", "before_copy"):  # with the transaction open, and between it and its copy
        writers.start(database, events, sample, left(), moment)
        more, ended = writers.rest()
        done |= set(more)
        assert ended == -signal.SIGKILL
        found = set(rated(database))
        assert done <= found
        assert len(found - done) == (1 if moment == "before_copy" else 0)  # saved but not yet acknowledged
    writers.start(database, events, sample, left())
    more, ended = writers.rest()
    assert ended == 0
    assert sorted(rated(database)) == sorted(done | set(more)) == sorted(sample.trials)

    append_missing_lines(database)  # what a server does when it starts
    target = Database(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    restore(target, None, events)
    assert sorted(rated(target)) == sorted(sample.trials)
    target.close()


def test_fifty_raters_at_once_are_all_saved(database: Database, tmp_path: Path) -> None:
    study, stimuli = make_study(database, stimuli=6)
    raters = [make_rater(database, study, stimuli, f"P{number}") for number in range(50)]
    start = threading.Barrier(50)

    def rates(sample: Sample) -> int:
        start.wait()
        for trial in sample.trials:
            rate(database, sample, trial, 3)
        return len(sample.trials)

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(rates, raters)) == 300
    assert len(set(rated(database))) == len(rated(database)) == 300
    target = Database(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    assert restore(target, None, tmp_path / "events").rows["rating"] == 300
    target.close()


def test_the_order_of_events_is_the_order_of_commits(database: Database, tmp_path: Path) -> None:
    study, stimuli = make_study(database, stimuli=10)
    raters = [make_rater(database, study, stimuli, f"P{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda sample: [rate(database, sample, trial, 3) for trial in sample.trials], raters))
    lines = list(database.journal.lines())  # type: ignore[union-attr]
    last = None
    for line in lines:
        assert line["previous"] == last
        last = line["events"][-1]["id"]


def test_two_requests_with_the_same_rating_save_it_once(database: Database) -> None:
    study, stimuli = make_study(database, stimuli=1)
    sample = make_rater(database, study, stimuli)
    start = threading.Barrier(8)

    def send(number: int) -> bool:
        start.wait()
        try:
            rate(database, sample, sample.trials[0], 3)
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(8))) == 1
    assert len(rated(database)) == 1


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def a_full_disk(db: Database, folder: Path) -> Iterator[None]:
    """SQLite: files of this process stop growing. PostgreSQL: the table lies on a tiny file system."""
    if db.is_sqlite:
        with no_file_grows_beyond(max(path.stat().st_size for path in folder.glob("studies.sqlite*")) + 300_000):
            yield
        return
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system for PostgreSQL needs root")
    with db.engine.connect() as connection:
        data = connection.scalar(text("SHOW data_directory"))
    place = Path(str(data)).parent / "small"
    place.mkdir()
    owner = Path(str(data)).stat()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, text=True
    )
    if mounted.returncode:
        place.rmdir()
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.strip()}")
    os.chown(place, owner.st_uid, owner.st_gid)
    with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        try:
            connection.execute(text(f"CREATE TABLESPACE small LOCATION '{place}'"))
            connection.execute(text("ALTER TABLE rating SET TABLESPACE small"))
            yield
            connection.execute(text("ALTER TABLE rating SET TABLESPACE pg_default"))
            connection.execute(text("DROP TABLESPACE small"))
        finally:
            subprocess.run(["umount", "--lazy", place], check=False)


def test_a_full_disk_refuses_in_words_and_loses_nothing(database: Database, tmp_path: Path) -> None:
    study, stimuli = make_study(database, stimuli=300)
    sample = make_rater(database, study, stimuli)
    saved: list[str] = []
    rate(database, sample, sample.trials[0], 3)

    def rate_all() -> None:
        for trial in sample.trials[1:]:
            rate(database, sample, trial, 3, nonce="n" * (20 if database.is_sqlite else 1000))
            saved.append(trial)

    with a_full_disk(database, tmp_path), pytest.raises(StoreError, match=r"disk is full.*Nothing was saved"):
        rate_all()
    assert saved
    assert sorted(rated(database)) == sorted([sample.trials[0], *saved])
    rate(database, sample, sample.trials[len(saved) + 1], 3)  # there is room again
    assert len(rated(database)) == len(saved) + 2
    append_missing_lines(database)
    target = Database(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    assert restore(target, None, tmp_path / "events").rows["rating"] == len(saved) + 2
    target.close()


def test_a_lock_is_waited_for_and_one_that_stays_is_named(database_url: str, tmp_path: Path) -> None:
    db = Database(database_url, tmp_path / "events", busy_seconds=1.0)
    migrate(db)
    study, stimuli = make_study(db, stimuli=3)
    sample = make_rater(db, study, stimuli)
    other = Database(database_url)

    @contextmanager
    def locked() -> Iterator[None]:
        with other.engine.connect() as connection:
            if not other.is_sqlite:
                connection.execute(text("LOCK TABLE rating IN ACCESS EXCLUSIVE MODE"))
            else:
                connection.execute(text("SELECT 1"))  # has begun with BEGIN IMMEDIATE
            yield

    with locked(), pytest.raises(StoreError, match="locked by another process"):
        rate(db, sample, sample.trials[0], 3)
    assert rated(db) == []
    rate(db, sample, sample.trials[0], 3)
    release = threading.Event()

    def hold() -> None:
        with locked():
            held.set()
            release.wait(0.3)

    held = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    rate(db, sample, sample.trials[1], 3)
    holder.join()
    assert len(rated(db)) == 2
    db.close()
    other.close()


def test_a_clock_that_jumps_back_changes_neither_order_nor_the_newest_snapshot(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, stimuli = make_study(database, stimuli=3)
    sample = make_rater(database, study, stimuli)
    clock = [NOW, NOW - timedelta(days=400), NOW + timedelta(days=400)]
    paths = []
    for trial, now in zip(sample.trials, clock, strict=True):
        monkeypatch.setattr(backup_module, "utc_now", lambda now=now: now)
        with database.session() as session:
            session.add(
                Rating(
                    session_id=sample.session,
                    trial_id=trial,
                    scale="s",
                    scale_hash="h",
                    value=1,
                    nonce="n",
                    rated_at=now,
                )
            )
            database.log(session, "rated", {"trial": trial}, session_id=sample.session, at=now)
        paths.append(snapshot(database, tmp_path / "backups"))
    assert newest_snapshot(tmp_path / "backups") == paths[-1]
    monkeypatch.setattr(backup_module, "utc_now", lambda: datetime(1990, 1, 1, tzinfo=UTC))
    assert newest_snapshot(tmp_path / "backups") != snapshot(database, tmp_path / "elsewhere")
    fourth = snapshot(database, tmp_path / "backups")
    assert newest_snapshot(tmp_path / "backups") == fourth
    for source in (None, paths[0], fourth):
        target = Database(f"sqlite:///{tmp_path / f'fresh-{source and source.name}'}")
        restore(target, source, tmp_path / "events")
        with target.reading() as session:
            told = session.scalars(select(Event.payload).where(Event.kind == "rated").order_by(Event.id)).all()
            assert [payload["trial"] for payload in told] == sample.trials
            assert session.scalar(select(func.count()).select_from(Rating)) == 3
        target.close()
