"""After a withdrawal nothing that the person gave is left in any file; everybody else's data is untouched."""

from pathlib import Path

import pytest
from sqlalchemy import select

from tests.studies.store.samples import Sample, make_rater, make_study, rate
from tests.studies_database import new_database
from undertone.studies.store import Database, StoreError
from undertone.studies.store.backup import snapshot, snapshots
from undertone.studies.store.restore import restore
from undertone.studies.store.tables import Event, Participant, Rating, Session, Trial
from undertone.studies.store.withdrawal import find_participant, withdraw

SECRETS = ("PANEL-SECRET", "code-PANEL-SECRET", "Vivaldi-Browser", "an answer of mine")


def two_people(db: Database) -> tuple[Sample, Sample]:
    study, stimuli = make_study(db)
    leaving, staying = make_rater(db, study, stimuli, "PANEL-SECRET"), make_rater(db, study, stimuli, "PANEL-0002")
    with db.session() as session:
        own = session.get_one(Session, leaving.session)
        own.answers, own.device = {"remarks": "an answer of mine"}, {"browser": "Vivaldi-Browser"}
        trial = session.get_one(Trial, leaving.trials[0])
        trial.state, trial.listened = "done", [[0.0, 13.0]]
        db.log(session, "admin.note", {"about": "PANEL-SECRET wrote to us"}, study_id=study, actor="admin")
    for sample in (leaving, staying):
        for trial_id in sample.trials[:3]:
            rate(db, sample, trial_id, 2)
    return leaving, staying


def test_a_withdrawal_deletes_what_the_person_gave_and_nothing_else(database: Database) -> None:
    leaving, staying = two_people(database)
    done = withdraw(database, leaving.participant)
    assert (done.sessions, done.ratings) == (1, 3)
    with database.reading() as session:
        assert {rating.session_id for rating in session.scalars(select(Rating))} == {staying.session}
        assert len(session.scalars(select(Rating)).all()) == 3
        person, other = (
            session.get_one(Participant, leaving.participant),
            session.get_one(Participant, staying.participant),
        )
        assert (person.external_id, person.withdrawn_at is not None) == (None, True)
        assert (other.external_id, other.withdrawn_at) == ("PANEL-0002", None)
        own = session.get_one(Session, leaving.session)
        assert (own.state, own.answers, own.device, own.screening, own.accepted) == ("withdrawn", {}, {}, {}, False)
        trials = session.scalars(select(Trial).where(Trial.session_id == leaving.session)).all()
        assert {(trial.state, trial.plays, tuple(trial.listened)) for trial in trials} == {("released", 0, ())}
        events = list(session.scalars(select(Event)))
        assert all(e.payload == {"withdrawn": True} for e in events if e.session_id == leaving.session)
        assert [e.payload for e in events if e.kind == "admin.note"] == [{"withdrawn": True}]
        kept = [e.payload for e in events if e.session_id == staying.session]
        assert {"withdrawn": True} not in kept
        assert len(kept) == 4


def test_no_file_keeps_a_word_of_a_withdrawn_person(tmp_path: Path) -> None:
    db = new_database(tmp_path / "studies.sqlite", tmp_path / "events")
    leaving, _ = two_people(db)
    snapshot(db, tmp_path / "backups")
    assert any(holders(tmp_path, word) for word in SECRETS)
    withdraw(db, leaving.participant, tmp_path / "backups")
    assert len(snapshots(tmp_path / "backups")) == 1
    db.close()
    assert {word: holders(tmp_path, word) for word in SECRETS} == {word: [] for word in SECRETS}


def holders(folder: Path, word: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def test_a_restore_does_not_bring_a_withdrawn_person_back(database: Database, tmp_path: Path) -> None:
    leaving, staying = two_people(database)
    old = snapshot(database, tmp_path / "elsewhere")  # a copy that the withdrawal cannot reach
    withdraw(database, leaving.participant, tmp_path / "backups")
    for number, path in enumerate((old, None, snapshots(tmp_path / "backups")[-1])):
        target = Database(f"sqlite:///{tmp_path / f'fresh-{number}'}.sqlite")
        restore(target, path, tmp_path / "events")
        with target.reading() as session:
            assert {rating.session_id for rating in session.scalars(select(Rating))} == {staying.session}
            assert session.get_one(Participant, leaving.participant).external_id is None
            blanked = session.scalars(select(Event).where(Event.session_id == leaving.session)).all()
            assert blanked
            assert all(event.payload == {"withdrawn": True} for event in blanked)
        target.close()
    assert not [name for word in SECRETS for name in holders(tmp_path / "events", word)]


def test_a_withdrawal_that_was_interrupted_is_completed_by_the_next(database: Database, tmp_path: Path) -> None:
    leaving, _ = two_people(database)
    without_copy = Database(database.url)
    withdraw(without_copy, leaving.participant)  # as if it died before the copies were blanked
    without_copy.close()
    assert holders(tmp_path / "events", "PANEL-SECRET")
    withdraw(database, leaving.participant)
    assert not [name for word in SECRETS for name in holders(tmp_path / "events", word)]


def test_a_person_is_found_by_whatever_they_know(database: Database) -> None:
    leaving, _ = two_people(database)
    for who in (leaving.participant, leaving.session, "PANEL-SECRET", "code-PANEL-SECRET"):
        assert find_participant(database, who, "sample") == leaving.participant
    with pytest.raises(StoreError, match="nobody is known by 'x'"):
        find_participant(database, "x")
    study, stimuli = make_study(database, "other")
    make_rater(database, study, stimuli[:0], "PANEL-0002", code="another")
    with pytest.raises(StoreError, match="2 people"):
        find_participant(database, "PANEL-0002")
    with pytest.raises(StoreError, match="no participant"):
        withdraw(database, "nobody")
