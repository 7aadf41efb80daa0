"""What the Results page shows follows the database: progress, scores, plans, and notes where there is nothing."""

import json
import re

import numpy as np
from sqlalchemy import select

from tests.app.results.requests import ADA
from tests.judged_study import DESIGN, NOW, PANEL_ID
from undertone.app.results import actions, tables, views
from undertone.app.results.access import ResultsAccess
from undertone.studies.analysis.progress import RatingCounts, audit_log, study_progress
from undertone.studies.store import Database
from undertone.studies.store.tables import Event, Rating, Study
from undertone.studies.store.withdrawal import find_participant, withdraw


def test_the_cells_count_accepted_trials_and_those_that_wait(db: Database) -> None:
    seen = study_progress(db, "judged", NOW)
    assert seen.cells.accepted.shape == (3, DESIGN.num_prompts)
    assert seen.cells.accepted.sum() == seen.status.collected == 12 * DESIGN.trials_per_rater
    assert seen.cells.waiting.sum() == DESIGN.trials_per_rater
    assert seen.cells.wanted == 4


def test_the_overview_shows_progress_and_screening(access: ResultsAccess) -> None:
    summary, cells, rules, sessions = views.overview(access, "judged")
    assert "108 of 120 (90%)" in summary
    assert len(re.findall(r'<th scope="row">p\d</th>', cells)) == DESIGN.num_prompts, "prompts have names"
    numbers = [int(number) for number in re.findall(r"<td[^>]*>(\d+)", cells)]
    assert (len(numbers), sum(numbers)) == (3 * DESIGN.num_prompts, 108), "and cells their numbers"
    assert "traps" in rules
    assert "92%" in rules
    assert "screened out" in sessions


def test_a_rule_that_few_pass_raises_an_alarm(db: Database, access: ResultsAccess) -> None:
    from undertone.studies.store.tables import Session

    with db.session() as transaction:
        for session in transaction.scalars(select(Session).where(Session.ended_at.is_not(None))):
            session.screening = {"traps": {"passed": False, "effect": "exclude"}}
    _, _, rules, _ = views.overview(access, "judged")
    assert 'role="alert"' in rules


def test_scores_come_with_plots_tables_and_what_was_published(access: ResultsAccess, db: Database) -> None:
    with db.session() as transaction:
        study = transaction.scalars(select(Study)).one()
        scores = {"naturalness": {"model-a": [3.24, 3.35]}}
        study.definition = study.definition | {"published": {"source": "<a> paper", "scores": scores}}
    view = views.scale_view(access, "judged", "naturalness")
    assert "hidden until the study is closed" in view.note
    assert "nothing is concluded on naturalness before it is closed" in view.note
    assert "hidden" in view.difference_table
    drawn = json.loads(view.scores.plot)
    assert len(drawn["data"][0]["x"]) == 3
    assert drawn["config"]["displayModeBar"] is False
    assert '<td role="cell" data-label="published">3.24 to 3.35</td>' in view.score_table
    assert "Published: &lt;a&gt; paper." in view.score_table
    assert "ground-truth − model-b" in view.difference_table
    assert len(re.findall(r"R0\d\d", view.raters)) == DESIGN.num_raters
    assert PANEL_ID not in "".join(str(part) for part in view.outputs)


def test_an_unknown_study_or_scale_is_a_note_and_no_crash(access: ResultsAccess) -> None:
    assert "no study" in views.scale_view(access, "nothing", "naturalness").note.lower()
    assert "fun" in views.scale_view(access, "judged", "fun").note
    assert "no study yet" in views.overview(access, None)[0]


def test_what_is_shown_follows_new_ratings(db: Database, access: ResultsAccess) -> None:
    before = views.scale_view(access, "judged", "naturalness").score_table
    actions.withdraw_rater(access, ADA, "judged", PANEL_ID, sure=True)
    assert views.scale_view(access, "judged", "naturalness").score_table != before


def test_a_plan_uses_the_study_and_says_when_a_number_is_impossible(access: ResultsAccess) -> None:
    answer = views.plan_html(access, "judged", "naturalness", 0.3, 3, 10, "mean")
    assert "variance components of judged" in answer
    assert "must be positive" in views.plan_html(access, None, None, 0, 4, 20, "mean")


def test_every_plot_survives_a_study_without_ratings(access: ResultsAccess, db: Database) -> None:
    with db.session() as transaction:
        for rating in transaction.scalars(select(Rating)):
            transaction.delete(rating)
    assert "Nothing is rated" in views.scale_view(access, "judged", "naturalness").note
    updates = views.scale_view(access, "judged", "naturalness").outputs
    assert [updates[number]["visible"] for number in (1, 3, 5)] == [False] * 3, "no empty boxes"
    assert "no clips yet" in tables.cells_table(RatingCounts((), (), np.zeros((0, 0)), np.zeros((0, 0)), 4))


def test_who_declined_or_withdrew_is_not_counted_as_rejected(access: ResultsAccess, db: Database) -> None:
    before = study_progress(db, "judged").status
    assert before.rejected == 2  # one failed the traps, one was screened out
    withdraw(db, find_participant(db, PANEL_ID, "judged"))
    after = study_progress(db, "judged").status
    assert (after.accepted, after.rejected) == (before.accepted - 1, 2)
    assert "<dt>declined or withdrawn</dt><dd>1</dd>" in views.overview(access, "judged")[0]


def test_the_log_leaves_out_what_only_says_that_rows_were_written(db: Database, access: ResultsAccess) -> None:
    with db.session() as transaction:
        transaction.scalars(select(Study)).one().title = "Another title"  # nothing is logged by name
    with db.reading() as transaction:
        assert "saved" in list(transaction.scalars(select(Event.kind)))
    assert "saved" not in {entry.kind for entry in audit_log(db, "judged")}
    assert "study.open" in views.log_view(access, "judged")
