"""Who took part can be listed, checked, written apart from the ratings, and deleted."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.judged_study import DESIGN, PANEL_ID, SECRET_ANSWER, add_judged_study
from tests.studies.store.test_withdrawal import holders
from tests.studies_database import new_database
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.export import export_study
from undertone.studies.analysis.people import check_code, people_of
from undertone.studies.analysis.people_files import prolific_lists, write_people
from undertone.studies.store import Database, StoreError
from undertone.studies.store.backup import snapshot
from undertone.studies.store.forgetting import forget_people
from undertone.studies.store.restore import restore
from undertone.studies.store.tables import Participant, Rating, Session, Study
from undertone.studies.store.withdrawal import find_participant, withdraw

CODE = "CABCDEFGH2"
QUESTION = "Anything to remark?"
SECTIONS = [
    {"kind": "consent", "text": "You agree."},
    {"kind": "rating"},
    {"kind": "questionnaire", "name": "about", "questions": [{"name": "remarks", "text": QUESTION, "kind": "text"}]},
    {"kind": "debrief", "text": "Bye."},
]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = new_database(tmp_path / "studies.sqlite", tmp_path / "events")
    study = add_judged_study(db, sections=SECTIONS)
    with db.session() as transaction:
        query = select(Session).where(Session.study_id == study, Session.ended_at.is_not(None))
        for number, own in enumerate(transaction.scalars(query.order_by(Session.started_at))):
            own.completion_code = CODE if number == 0 else f"=C{number}"
            own.answers = {**own.answers, "_headphones": {"answers": [1, 2]}, "consent": {"version": "1"}}
            answered = {"section": "about", "answers": {"remarks": SECRET_ANSWER}}
            db.log(transaction, "answered", answered, study_id=study, session_id=own.id, actor="rater")
        db.log(transaction, "admin.note", {"about": f"{PANEL_ID} wrote to us"}, study_id=study, actor="admin")
    yield db
    db.close()


def close(db: Database) -> None:
    with db.session() as transaction:
        transaction.scalars(select(Study)).one().status = "closed"


def test_everybody_is_listed_with_code_panel_id_ending_and_answers(db: Database) -> None:
    people = people_of(db, "judged")
    assert len(people) == DESIGN.num_raters + 1
    first = people[0]
    assert (first.panel_id, first.code, first.ending, first.minutes) == (PANEL_ID, CODE, "finished and accepted", 25.0)
    assert [(given.section, given.text, given.answer) for given in first.answers] == [
        ("about", QUESTION, SECRET_ANSWER)
    ]
    assert people[3].ending == "finished, not accepted (failed: traps)"
    assert people[4].ending == "under way"
    assert people[-1].ending == "screened out"
    with pytest.raises(StoreError, match="there is no study 'x'"):
        people_of(db, "x")


@pytest.mark.parametrize("typed", [CODE, f" {CODE.lower()}\n", PANEL_ID])
def test_a_code_that_was_handed_in_is_checked(db: Database, typed: str) -> None:
    (found,) = check_code(db, "judged", typed)
    assert (found.panel_id, found.accepted) == (PANEL_ID, True)


@pytest.mark.parametrize("typed", ["CZZZZZZZZZ", "", "  ", "None"])
def test_a_made_up_code_belongs_to_nobody(db: Database, typed: str) -> None:
    with pytest.raises(AnalysisError, match="no session of study 'judged'"):
        check_code(db, "judged", typed)


def test_the_files_hold_people_and_no_word_of_the_ratings(db: Database, tmp_path: Path) -> None:
    folder = write_people(db, "judged", tmp_path / "people")
    lists = [f"prolific-{name}.csv" for name in ("approve", "review", "screened-out")]
    assert sorted(path.name for path in folder.iterdir()) == ["about.md", "answers.csv", "people.csv", *lists]
    with (folder / "people.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == DESIGN.num_raters + 1
    assert (rows[0]["panel_id"], rows[0]["completion_code"], rows[0]["accepted"]) == (PANEL_ID, CODE, "True")
    assert rows[1]["completion_code"] == "'=C1", "no spreadsheet takes it for a formula"
    with (folder / "answers.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    assert {row["answer"] for row in answers} == {SECRET_ANSWER}
    assert {row["section"] for row in answers} == {"about"}
    with db.reading() as transaction:
        ids = [*transaction.scalars(select(Session.id)), *transaction.scalars(select(Participant.id))]
    ratings = export_study(db, "judged", tmp_path / "ratings", largest_mixed=0)
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not [one for one in ids if one in text]
        assert "R001" not in text
        assert "S001" not in text
    for path in ratings.files:
        assert not [word for word in (PANEL_ID, CODE, SECRET_ANSWER) if word.encode() in path.read_bytes()]


def test_who_withdraws_is_neither_listed_nor_found(db: Database) -> None:
    withdraw(db, find_participant(db, PANEL_ID, "judged"))
    assert PANEL_ID not in {own.panel_id for own in people_of(db, "judged")}
    for typed in (PANEL_ID, CODE):
        with pytest.raises(AnalysisError):
            check_code(db, "judged", typed)


def test_a_closed_study_forgets_who_took_part_in_every_file_and_keeps_the_ratings(db: Database, tmp_path: Path) -> None:
    with db.reading() as transaction:
        before = len(list(transaction.scalars(select(Rating.id))))
    snapshot(db, tmp_path / "backups")
    with pytest.raises(StoreError, match="is open; close it first"):
        forget_people(db, "judged", tmp_path / "backups")
    close(db)
    done = forget_people(db, "judged", tmp_path / "backups")
    assert done.people == DESIGN.num_raters + 1
    assert {(own.panel_id, own.code, own.answers) for own in people_of(db, "judged")} == {(None, None, ())}
    with db.reading() as transaction:
        assert len(list(transaction.scalars(select(Rating.id)))) == before
    assert export_study(db, "judged", tmp_path / "ratings", largest_mixed=0).ratings == before
    db.close()
    secrets = (PANEL_ID, CODE, SECRET_ANSWER, "panel-0001")
    assert {word: holders(tmp_path, word) for word in secrets} == {word: [] for word in secrets}


def test_a_restore_brings_nobody_back(db: Database, tmp_path: Path) -> None:
    old = snapshot(db, tmp_path / "elsewhere")  # a copy that was out of reach
    close(db)
    forget_people(db, "judged")
    target = Database(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    restore(target, old, tmp_path / "events")
    assert {(own.panel_id, own.code, own.answers) for own in people_of(target, "judged")} == {(None, None, ())}
    target.close()


def test_each_person_from_prolific_is_in_one_list_and_only_the_accepted_are_to_be_approved(db: Database) -> None:
    began = people_of(db, "judged")[0]
    made = [
        replace(began, panel_id=panel_id, source=source, state=state, accepted=accepted)
        for panel_id, source, state, accepted in (
            ("good", "prolific", "finished", True),
            ("failed", "prolific", "finished", False),
            ("deaf", "prolific", "screened_out", False),
            ("late", "prolific", "timed_out", False),
            ("good", "prolific", "timed_out", False),
            ("under-way", "prolific", "rating", None),
            ("worker", "mturk", "finished", True),
            (None, "link", "finished", True),
        )
    ]
    assert prolific_lists(made) == {
        "prolific-approve.csv": ["good"],
        "prolific-review.csv": ["failed"],
        "prolific-screened-out.csv": ["deaf"],
        "prolific-timed-out.csv": ["late"],
    }
    assert prolific_lists([]) == {}
