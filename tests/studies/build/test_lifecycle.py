"""A study's life in the database, on SQLite and on PostgreSQL."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.studies.design.sounds import study_file, write_folders
from tests.studies.store.samples import make_rater
from undertone.studies.build.lifecycle import make_study, set_status, status_of
from undertone.studies.build.pipeline import build_study
from undertone.studies.design import DesignError
from undertone.studies.store import Database, StorageLocations, StoreError
from undertone.studies.store.columns import utc_now
from undertone.studies.store.studies import study_names
from undertone.studies.store.tables import Event, Session, Stimulus, Trial


@pytest.fixture
def places(tmp_path: Path) -> StorageLocations:
    return StorageLocations(tmp_path / "data", "")


def test_a_study_is_built_opened_paused_and_closed_in_that_order(
    database: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    study = study_file(tmp_path)
    make_study(database, study)
    with pytest.raises(DesignError, match=r"is draft and cannot become open\. Build it first"):
        set_status(database, "small", "open", places)
    build_study(database, "small", places)
    set_status(database, "small", "open", places, actor="somebody")
    for change in (lambda: make_study(database, study), lambda: build_study(database, "small", places)):
        with pytest.raises(DesignError, match="can no longer change"):
            change()
    set_status(database, "small", "paused", places)
    set_status(database, "small", "open", places)
    set_status(database, "small", "closed", places)
    with database.reading() as session:
        kinds = [event.kind for event in session.scalars(select(Event).order_by(Event.id))]
    assert kinds == ["study.defined", "study.built", *(f"study.{s}" for s in ("open", "paused", "open", "closed"))]


def test_the_status_counts_what_accepted_sessions_completed_and_what_is_promised(
    database: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    id = make_study(database, study_file(tmp_path))
    build_study(database, "small", places)
    with database.reading() as session:
        stimuli = list(session.scalars(select(Stimulus.id).order_by(Stimulus.id)))
    now = utc_now()
    for panel, verdict in (("yes", True), ("no", False), ("under way", None)):
        sample = make_rater(database, id, stimuli[:3], panel)
        with database.session() as session:
            session.get_one(Session, sample.session).accepted = verdict
            for number, trial in enumerate(session.scalars(select(Trial).where(Trial.session_id == sample.session))):
                trial.state = "reserved" if verdict is None else "done"
                trial.reservation_expires_at = now + timedelta(minutes=10 if number else -10)
    found = status_of(database, "small")
    assert (found.status, found.stimuli, found.wanted) == ("built", 12, 24)
    assert (found.collected, found.promised) == (3, 2)
    assert (found.sessions, found.accepted, found.rejected) == ({"rating": 3}, 1, 1)


def test_studies_are_listed_and_an_unknown_one_is_named(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="none was made yet"):
        status_of(database, "small")
    for name in ("one", "two"):
        make_study(database, study_file(tmp_path, name=name))
    assert study_names(database) == ["one", "two"]
    with pytest.raises(StoreError, match="no study 'other'; known studies: one, two"):
        status_of(database, "other")


def test_a_draft_may_change_and_the_log_keeps_every_definition(database: Database, tmp_path: Path) -> None:
    first = make_study(database, study_file(tmp_path))
    second = make_study(database, study_file(tmp_path, title="Another title"))
    assert first == second
    with database.reading() as session:
        hashes = [event.payload["hash"] for event in session.scalars(select(Event).order_by(Event.id))]
    assert len(set(hashes)) == 2
