"""What an admin does from the Results page, and what is refused there."""

import re
import zipfile

import pytest
import yaml
from sqlalchemy import select

from tests.app.results.requests import ADA
from tests.app.results.rows import kinds, ratings_of, status_of
from tests.judged_study import DESIGN, PANEL_ID
from tests.results_site import ADMIN
from undertone.app.results import actions
from undertone.app.results.access import ResultsAccess
from undertone.engine.errors import UndertoneError
from undertone.studies.analysis.people import people_of
from undertone.studies.analysis.progress import audit_log
from undertone.studies.design.templates import template_text
from undertone.studies.store import Database
from undertone.studies.store.tables import Rating


def test_an_admin_opens_and_closes_a_study_in_the_log(db: Database, access: ResultsAccess) -> None:
    assert "paused" in actions.change_status(access, ADA, "judged", "paused")
    assert "closed" in actions.change_status(access, ADA, "judged", "closed")
    assert status_of(db) == "closed"
    with pytest.raises(UndertoneError, match="closed and cannot become paused"):
        actions.change_status(access, ADA, "judged", "paused")
    assert {entry.details.get("by") for entry in audit_log(db, "judged") if entry.kind == "study.closed"} == {ADMIN}


def test_a_draft_is_made_from_a_template(db: Database, access: ResultsAccess) -> None:
    assert "Draft 'expressive' is saved" in actions.save_draft(access, ADA, template_text("expressive"))
    assert status_of(db, "expressive") == "draft"
    assert "study.drafted" in kinds(db)


@pytest.mark.parametrize("path", ["/etc", "../../etc", "~/secrets", "a/../../b"])
def test_a_study_file_from_the_page_cannot_read_the_server(path: str, access: ResultsAccess) -> None:
    values = yaml.safe_load(template_text("paper"))
    for changed in (
        {"prompts": {**values["prompts"], "folder": path}},
        {"systems": [{"name": "x", "source": {"kind": "folder", "folder": path}}]},
        {"systems": [{"name": "x", "source": {"kind": "bundle", "bundle": path}}]},
        {"golds": [{"audio": path, "expected": {}}]},
    ):
        with pytest.raises(UndertoneError, match="paths must lie under"):
            actions.save_draft(access, ADA, yaml.safe_dump({**values, **changed}))


@pytest.mark.parametrize("text", ["", "- a", "a: [", "name: x", "!!python/object/apply:os.system [id]"])
def test_a_text_that_is_no_study_file_is_refused_in_words(text: str, access: ResultsAccess) -> None:
    with pytest.raises(UndertoneError):
        actions.save_draft(access, ADA, text)


def test_a_report_is_a_file_to_save(access: ResultsAccess, db: Database) -> None:
    assert actions.make_report(access, ADA, "judged").name == "judged-report.html"
    assert "study.reported" in kinds(db)


def test_who_took_part_is_forgotten_only_with_the_box_and_in_a_closed_study(
    access: ResultsAccess, db: Database
) -> None:
    for sure, reason in ((False, "Tick the box"), (True, "close it first")):
        with pytest.raises(UndertoneError, match=reason):
            actions.forget_raters(access, ADA, "judged", sure)
    actions.change_status(access, ADA, "judged", "closed")
    before = ratings_of(db)
    assert "The ratings stay" in actions.forget_raters(access, ADA, "judged", sure=True)
    assert {own.panel_id for own in people_of(db, "judged")} == {None}
    assert ratings_of(db) == before


def test_a_report_of_a_study_that_hardly_anybody_rated_is_made(access: ResultsAccess, db: Database) -> None:
    with db.session() as transaction:
        for number, rating in enumerate(transaction.scalars(select(Rating))):
            if number % 9:
                transaction.delete(rating)
    text = actions.make_report(access, ADA, "judged").read_text(encoding="utf-8")
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert "results.json" in zipfile.ZipFile(actions.make_export(access, ADA, "judged")).namelist()


def test_an_export_is_one_file_to_save(access: ResultsAccess, db: Database) -> None:
    archive = actions.make_export(access, ADA, "judged")
    assert {"ratings.csv", "ratings.parquet", "codebook.md"} <= set(zipfile.ZipFile(archive).namelist())
    assert "study.exported" in kinds(db)


def test_a_withdrawal_needs_the_box_and_a_person(db: Database, access: ResultsAccess) -> None:
    before = ratings_of(db)
    for who, sure in ((PANEL_ID, False), ("", True), ("nobody", True)):
        with pytest.raises(UndertoneError):
            actions.withdraw_rater(access, ADA, "judged", who, sure)
    assert ratings_of(db) == before
    assert "deleted" in actions.withdraw_rater(access, ADA, "judged", PANEL_ID, sure=True)
    assert ratings_of(db) == before - 2 * DESIGN.trials_per_rater - 1


def test_a_restored_file_holds_everything_and_leaves_the_running_database_alone(
    db: Database, access: ResultsAccess
) -> None:
    with pytest.raises(UndertoneError, match="no snapshot yet"):
        actions.restore_copy(access, ADA)
    assert "taken" in actions.take_snapshot(access, ADA)
    actions.change_status(access, ADA, "judged", "closed")  # after the snapshot: the log has it
    restored = Database(f"sqlite:///{actions.restore_copy(access, ADA)}")
    assert ratings_of(restored) == ratings_of(db) > 0
    assert status_of(restored) == "closed"
    restored.close()
