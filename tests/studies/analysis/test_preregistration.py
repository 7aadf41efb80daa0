"""Preregistration before opening, and the checklist that says what was not recorded."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.judged_study import SECRET_ANSWER, add_judged_study
from tests.studies_database import new_database
from undertone.studies.analysis.checklist import NOT_RECORDED, checklist, method_term
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.methods import methods
from undertone.studies.analysis.preregistration import preregister
from undertone.studies.analysis.report import render_report
from undertone.studies.analysis.results import analyse_study
from undertone.studies.analysis.simulation.example import AT
from undertone.studies.design.reporting import Reporting
from undertone.studies.design.scales import BEST_WORST, CCR, CHOICE, MUSHRA
from undertone.studies.store import Database
from undertone.studies.store.tables import Session, Study

PLAN = {
    "primary_contrasts": [{"first": "model-a", "second": "model-b", "scale": "naturalness"}],
    "equivalence_margin": 0.3,
    "hypotheses": "Model A sounds more natural than model B.",
}
QUESTION = {"name": "language", "text": "What is your first language?", "options": ["English", "German"]}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Database]:
    db = new_database(tmp_path / "studies.sqlite")
    sections = [
        {"kind": "consent", "text": "You agree."},
        {"kind": "questionnaire", "name": "about", "questions": [QUESTION]},
        {"kind": "rating"},
    ]
    add_judged_study(db, status="built", analysis=PLAN, sections=sections)
    yield db
    db.close()


def test_the_hash_in_the_report_is_the_one_of_the_file(own: Database, tmp_path: Path) -> None:
    path = tmp_path / "plan.md"
    digest = preregister(own, "judged", path, "ada")
    text = path.read_text(encoding="utf-8")
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    for expected in (
        "model-a - model-b on naturalness",
        "Model A sounds more natural",
        "0.3 points",
        "4 accepted raters",
    ):
        assert expected in text, expected
    assert "/home/lab" not in text
    assert digest in render_report(analyse_study(load_study(own, "judged"), largest_mixed=0), AT)
    assert preregister(own, "judged", tmp_path / "again.md", "ada") == digest


def test_a_changed_study_is_said_to_be_changed(own: Database, tmp_path: Path) -> None:
    preregister(own, "judged", tmp_path / "plan.md", "ada")
    with own.session() as transaction:
        study = transaction.query(Study).one()
        study.definition = {**study.definition, "analysis": {**PLAN, "equivalence_margin": 1.0}}
    html = render_report(analyse_study(load_study(own, "judged"), largest_mixed=0), AT)
    assert "the study was changed after it" in html


def test_an_opened_study_cannot_be_preregistered(own: Database, tmp_path: Path) -> None:
    with own.session() as transaction:
        transaction.query(Study).one().opened_at = datetime(2026, 3, 1, tzinfo=UTC)
    with pytest.raises(AnalysisError, match="was opened on 2026-03-01"):
        preregister(own, "judged", tmp_path / "plan.md", "ada")
    with pytest.raises(AnalysisError, match="no study 'nothing'"):
        preregister(own, "nothing", tmp_path / "plan.md", "ada")
    assert not (tmp_path / "plan.md").exists()


def test_the_checklist_answers_from_the_data_and_says_what_is_not_recorded(own: Database) -> None:
    with own.session() as transaction:
        for number, session in enumerate(transaction.query(Session).order_by(Session.started_at)):
            language = "English" if number % 2 else "German"
            session.answers = {"about": {"language": language, "remarks": SECRET_ANSWER}}
    data = replace(load_study(own, "judged"), status="closed")
    items = {item.asked: item.answer for item in checklist(analyse_study(data, largest_mixed=0))}
    assert items["What is known about them?"] == "What is your first language?: English 7, German 7"
    assert "12 raters" in items["How many took part?"]
    assert "P.800" in items["Which method is it, in ITU-T terms?"]
    assert "P.808" in items["Which method is it, in ITU-T terms?"]
    assert items["Was headphone use checked?"] == "no"
    assert SECRET_ANSWER not in str(items)
    bare = replace(data, definition={}, roles={}, demographics={}, stimuli=data.stimuli.head(0))
    left = [item for item in checklist(analyse_study(bare, largest_mixed=0)) if item.answer == NOT_RECORDED]
    assert {"Who listened, and how were they found?", "Were they paid?", "What was asked, in which words?"} <= {
        item.asked for item in left
    }
    assert method_term(analyse_study(bare, largest_mixed=0)) == ""


def test_the_checklist_says_of_an_imported_study_nothing_that_its_file_does_not(own: Database) -> None:
    data = load_study(own, "judged")
    imported = {"file": "ratings.csv", "layout": "long", "rows": 3}
    definition = {**data.definition, "sections": [], "provenance": {"imported": imported}}
    items = {item.asked: item.answer for item in checklist(analyse_study(replace(data, definition=definition), 0, 0))}
    for asked in (
        "In which order were clips heard?",
        "Was the number of listeners planned?",
        "Was noise around them checked?",
        "Was every clip heard to its end?",
        "Did they consent?",
    ):
        assert items[asked] == NOT_RECORDED, asked
    told = " ".join(methods(analyse_study(replace(data, definition=definition), 0, 0)))
    assert "Whether anybody was screened out before the import is not recorded." in told
    assert "They came by" not in told


def test_what_the_study_file_states_for_readers_is_in_the_checklist(own: Database) -> None:
    data = load_study(own, "judged")
    stated = {name: f"about {name}" for name in Reporting.model_fields}
    definition = {**data.definition, "reporting": stated}
    answers = [item.answer for item in checklist(analyse_study(replace(data, definition=definition), 0, 0))]
    assert set(stated.values()) <= set(answers)


def test_the_checklist_tells_whether_the_scale_leaves_room(own: Database) -> None:
    data = load_study(own, "judged")
    for value, said in ((5.0, "hardly"), (3.0, "yes")):
        results = analyse_study(replace(data, ratings=data.ratings.assign(value=value)), 0, 0)
        room = next(item.answer for item in checklist(results) if "room" in item.asked)
        assert room.startswith(said), room


def test_the_method_of_each_kind_of_trial_has_the_name_that_the_field_gives_it(own: Database) -> None:
    results = analyse_study(load_study(own, "judged"), largest_mixed=0)
    cases = (
        ("preference", CCR, "CCR"),
        ("preference", CHOICE, "paired comparison"),
        ("best_worst", BEST_WORST, "best-worst scaling"),
        ("mushra", MUSHRA, "MUSHRA, ITU-R BS.1534-3"),
    )
    for kind, scale, said in cases:
        words = [{**scale.model_dump(mode="json"), "name": one.scale} for one in results.scales]
        definition = {**results.data.definition, "trials": {"kind": kind}, "scales": words}
        told = method_term(replace(results, data=replace(results.data, definition=definition)))
        assert said in told
        assert "absolute" not in told


def test_a_declared_margin_gives_equivalence_tests(own: Database) -> None:
    data = replace(load_study(own, "judged"), status="closed")
    found = analyse_study(data, largest_mixed=0)
    assert len(found.scales[0].equivalences) == 3
    assert "declared margin of 0.3 points" in render_report(found, AT)
