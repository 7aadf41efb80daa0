"""Tables of the Results page escape names and show people only what they are for."""

import zipfile

from tests.app.results.requests import ADA
from tests.app.results.rows import kinds
from tests.judged_study import PANEL_ID, SECRET_ANSWER
from undertone.app.results import actions, tables
from undertone.app.results.access import ResultsAccess
from undertone.studies.analysis.people import people_of
from undertone.studies.store import Database


def test_names_are_escaped_in_tables() -> None:
    assert "<b>" not in tables.table("<b>", ["<b>", "<b>"], [["<b>", "<b>"]])


def test_people_are_shown_and_their_codes_checked(access: ResultsAccess, db: Database) -> None:
    shown = tables.people_table(people_of(db, "judged"), "Everybody") + tables.questionnaires_table(
        people_of(db, "judged")
    )
    assert PANEL_ID in shown
    assert SECRET_ANSWER in shown
    assert "finished, not accepted (failed: traps)" in shown
    archive = actions.make_people(access, ADA, "judged")
    for_panel = {"prolific-approve.csv", "prolific-review.csv", "prolific-screened-out.csv"}
    assert set(zipfile.ZipFile(archive).namelist()) == {"people.csv", "answers.csv", "about.md", *for_panel}
    assert "study.people_exported" in kinds(db)
