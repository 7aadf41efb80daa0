"""An admin leaves a rater out with a reason: out of the numbers, in the report and the log, and back again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.judged_study import PANEL_ID, add_judged_study
from tests.studies_database import new_database
from undertone.studies.analysis.anonymise import anonymous_names
from undertone.studies.analysis.exclusion import find_rater
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.methods import methods
from undertone.studies.analysis.mos import mos
from undertone.studies.analysis.progress import audit_log
from undertone.studies.analysis.report import render_report
from undertone.studies.analysis.results import analyse_study
from undertone.studies.analysis.simulation.example import AT
from undertone.studies.store import Database, StoreError
from undertone.studies.store.exclusion import exclude, include_again

REASON = "Wrote that the sound <broke> off"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Database]:
    db = new_database(tmp_path / "studies.sqlite", tmp_path / "events")
    add_judged_study(db)
    yield db
    db.close()


def test_who_is_left_out_is_out_of_the_scores_and_in_the_report(own: Database) -> None:
    before = load_study(own, "judged")
    person = find_rater(own, "judged", PANEL_ID)
    exclude(own, person, REASON, "ada")
    after = load_study(own, "judged")
    counts = [mos(data.ratings, "naturalness").counts for data in (before, after)]
    assert counts[1].unique_raters == counts[0].unique_raters - 1
    assert mos(after.ratings, "naturalness", screened=False) == mos(before.ratings, "naturalness", screened=False)
    results = analyse_study(after, largest_mixed=0)
    html = render_report(results, AT)
    assert f"{anonymous_names(after)[person]} was left out by an admin: Wrote that the sound &lt;broke&gt; off" in html
    assert "1 of 1 were dropped because they were left out by an admin" in " ".join(methods(results))
    assert PANEL_ID not in html


def test_it_is_undone_and_both_are_logged(own: Database) -> None:
    before = load_study(own, "judged").ratings
    person = find_rater(own, "judged", PANEL_ID)
    exclude(own, person, REASON, "ada")
    with pytest.raises(StoreError, match="left out already"):
        exclude(own, person, REASON, "ada")
    include_again(own, person, "grace")
    assert load_study(own, "judged").ratings.equals(before)
    kinds = {entry.kind: entry.details for entry in audit_log(own, "judged")}
    assert kinds["study.excluded"]["reason"] == REASON
    assert kinds["study.included_again"]["by"] == "grace"
    with pytest.raises(StoreError, match="not left out"):
        include_again(own, person, "grace")


def test_a_rater_is_found_by_the_name_in_the_report(own: Database) -> None:
    names = anonymous_names(load_study(own, "judged"))
    for rater, name in list(names.items())[:3]:
        assert find_rater(own, "judged", name.lower()) == rater
    with pytest.raises(StoreError, match="nobody is known"):
        find_rater(own, "judged", "R999")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\x00b"])
def test_a_reason_is_asked_for(own: Database, reason: str) -> None:
    with pytest.raises(StoreError, match="reason"):
        exclude(own, find_rater(own, "judged", PANEL_ID), reason, "ada")
