"""From the database to the report and the export: right numbers, nothing personal, nothing that runs."""

import csv
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.judged_study import DESIGN, PANEL_ID, PEOPLE, SECRET_ANSWER, SYSTEMS, add_judged_study
from tests.studies_database import new_database
from undertone.studies.analysis.anonymise import anonymous_names
from undertone.studies.analysis.export import export_study, rating_rows, safe_csv, write_export
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.methods import methods
from undertone.studies.analysis.mos import mos
from undertone.studies.analysis.preferences import preferences
from undertone.studies.analysis.ratings_frame import COLUMNS, StudyData
from undertone.studies.analysis.report import number, p_text, render_report, study_report
from undertone.studies.analysis.results import StudyResults, analyse_study
from undertone.studies.analysis.simulation.example import AT, BANNER, example_study
from undertone.studies.analysis.simulation.simulate import Design, simulate
from undertone.studies.store import Database, StoreError
from undertone.studies.store.tables import Trial
from undertone.studies.store.withdrawal import find_participant, withdraw

EXAMPLE = Path(__file__).parents[3] / "assets" / "example-report.html"


def test_ratings_come_out_of_the_database_as_they_went_in(db: Database, data: StudyData) -> None:
    ratings = load_study(db, "judged").ratings
    assert tuple(ratings.columns) == COLUMNS
    main = ratings[ratings["kind"] == "main"]
    assert len(main) == 2 * DESIGN.num_raters * DESIGN.trials_per_rater
    assert set(main["system"]) == set(SYSTEMS)
    assert set(ratings["accepted"]) == {True, False, None}
    assert set(ratings["device"]) == {"phone", "desktop"}
    assert len(data.sessions) == DESIGN.num_raters + 1
    assert data.roles == SYSTEMS


def test_screened_scores_leave_out_who_failed_and_who_is_not_done(data: StudyData) -> None:
    screened, everybody = (mos(data.ratings, "naturalness", screened) for screened in (True, False))
    assert screened.counts.unique_raters == DESIGN.num_raters - 2
    assert everybody.counts.unique_raters == DESIGN.num_raters
    assert screened.counts.stimuli == everybody.counts.stimuli == 30


def test_a_withdrawn_person_is_gone(tmp_path: Path) -> None:
    own = new_database(tmp_path / "studies.sqlite")
    add_judged_study(own)
    withdraw(own, find_participant(own, PANEL_ID, "judged"))
    found = load_study(own, "judged")
    own.close()
    assert found.ratings["rater"].nunique() == DESIGN.num_raters - 1
    assert "withdrawn on request: 1." in " ".join(methods(quick(found)))


def test_an_unknown_study_is_named_with_the_known_ones(db: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no study 'jugded'; known studies: judged\."):
        study_report(db, "jugded", tmp_path / "x.html")


class Reader(HTMLParser):
    """Collects what a browser would fetch or run, and whether every tag is closed."""

    VOID = ("meta", "br", "link", "img", "line", "circle", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.fetched += [str(value) for key, value in attrs if key in ("src", "href", "data") and value[:1] != "#"]
        assert not any(key.startswith("on") for key, _ in attrs)
        if tag not in self.VOID:
            self.tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.tags.pop() == tag


def test_the_report_is_one_file_without_scripts_that_fetches_nothing(db: Database, tmp_path: Path) -> None:
    path = study_report(db, "judged", tmp_path, largest_mixed=0)
    assert path.name == "judged-report.html"
    html = path.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(html)
    assert reader.tags == []
    assert reader.fetched == []
    assert "script" not in reader.seen
    assert "url(" not in html
    assert path.stat().st_size < 300_000


@pytest.fixture(scope="module")
def results(data: StudyData) -> StudyResults:
    """With tests: the study is closed."""
    return analyse_study(replace(data, status="closed"))


def quick(data: StudyData) -> StudyResults:
    """Without the mixed model, which takes seconds and has tests of its own."""
    return analyse_study(data, largest_mixed=0)


@pytest.fixture(scope="module")
def running(data: StudyData) -> StudyResults:
    """Without tests: the study is open."""
    return quick(data)


@pytest.fixture(scope="module")
def exported(data: StudyData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export of the study."""
    folder = tmp_path_factory.mktemp("exported")
    write_export(data, folder, largest_mixed=0)
    return folder


def test_the_report_has_the_numbers_of_the_analysis(results: StudyResults) -> None:
    html = render_report(results, datetime(2026, 3, 2, tzinfo=UTC))
    for scale in results.scales:
        for score in scale.mos.systems:
            assert f"<td>{number(score.mean.value)}</td>" in html
            assert f"[{number(score.mean.low)}, {number(score.mean.high)}]" in html
        for pair in scale.comparison.pairs:
            assert f"<td>{escape(p_text(pair.p_holm))}</td>" in html
        assert number(scale.alpha.value) in html
    assert len(results.two_scales) == 1
    assert "£9 an hour" in html


def test_published_scores_stand_beside_those_of_the_study_where_the_study_file_has_some(results: StudyResults) -> None:
    published = {"source": "a paper", "scores": {"naturalness": {"model-a": 3.6, "model-b": [3.24, 3.35]}}}
    data = replace(results.data, definition=results.data.definition | {"published": published})
    text = render_report(replace(results, data=data), AT)
    assert text.count("<th>published</th>") == text.count("Published: a paper.") == 1, "on the scale that has some"
    for system, shown in (("model-a", "3.60"), ("model-b", "3.24 to 3.35"), ("ground-truth", "–")):
        row = next(line for line in text.split("<tr>") if line.startswith(f"<td>{system}</td>"))
        assert row.split("<td>")[4].removesuffix("</td>") == shown


def test_the_methods_say_what_a_reviewer_asks_for(results: StudyResults) -> None:
    text = " ".join(methods(results))
    for expected in (
        "12 raters gave 108 ratings of 30 clips from 10 prompts: 9 ratings by each rater",
        "How natural does the speech sound",
        "from 1 to 5 in steps of 1 (5 = Excellent: completely natural speech",
        "Recruitment: Prolific, United Kingdom, native speakers of English.",
        "Pay: £9 an hour.",
        "phone 5 (36%)",
        "1 of 13 were dropped because they followed too few of the instructions hidden in trap clips (1 for this ",
        "flagged but kept because they answered faster than one can think",
        "−23.0 LUFS (set to −23 LUFS)",
        "seed was 5",
        "scipy",
        "Holm",
    ):
        assert expected in text, expected


def test_a_running_study_shows_no_tests_and_says_why(data: StudyData, running: StudyResults) -> None:
    assert data.status == "open"
    found = running
    html = render_report(found, AT)
    assert not any(scale.tested for scale in found.scales)
    assert all(pair.p is None and pair.low is None for scale in found.scales for pair in scale.comparison.pairs)
    assert "Tests and intervals of differences are hidden until the study is closed" in html
    assert "Holm" not in " ".join(methods(found))
    complete = replace(data, definition={**data.definition, "allocation": {"raters_per_stimulus": 1}})
    assert complete.may_test("naturalness")
    assert quick(complete).scales[0].comparison.pairs[0].p is not None


def test_declared_contrasts_are_corrected_among_themselves(data: StudyData) -> None:
    declared = {"primary_contrasts": [{"first": "model-b", "second": "model-a", "scale": "naturalness"}]}
    found = quick(replace(data, status="closed", definition={**data.definition, "analysis": declared}))
    first, *others = found.scales[0].comparison.pairs
    assert (first.first, first.second, first.family) == ("model-b", "model-a", "primary")
    assert first.p_holm == first.p
    assert (first.low_adjusted, first.high_adjusted) == pytest.approx((first.low, first.high))
    assert {pair.family for pair in others} == {"explored"}
    assert min(pair.p_holm / pair.p for pair in others) >= 1
    assert all(pair.high_adjusted - pair.low_adjusted > pair.high - pair.low for pair in others)
    assert {pair.family for pair in found.scales[1].comparison.pairs} == {"systems", "references"}
    html = render_report(found, AT)
    assert "declared before the study opened" in html
    assert "they confirm nothing" in html


def test_what_the_report_says_of_agreement_follows_its_value(data: StudyData) -> None:
    chance = data.ratings.assign(value=random_answers(len(data.ratings)))
    html = render_report(quick(replace(data, ratings=chance)), AT)
    assert "answer by chance" in html
    assert "what many raters agree on" not in html
    agreed = data.ratings["system"].map({"ground-truth": 5.0, "model-a": 3.0, "model-b": 2.0}).fillna(1.0)
    assert "agree well enough" in render_report(quick(replace(data, ratings=data.ratings.assign(value=agreed))), AT)


def random_answers(number: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 6, number).astype(float)


def test_tired_raters_are_seen_in_the_places_of_their_answers(data: StudyData, running: StudyResults) -> None:
    steady = running.scales[0].order
    assert abs(steady.change.value) < 0.6
    last = data.ratings["position"].between(5, 20)
    tired = data.ratings.assign(value=(data.ratings["value"] - 1.5 * last).clip(1, 5))
    found = quick(replace(data, ratings=tired)).scales[0].order
    assert found.change.value < steady.change.value - 0.7
    assert found.p < 0.01
    assert set(found.mean_places) == set(SYSTEMS)


def test_what_a_study_file_leaves_out_is_said_to_be_missing(data: StudyData) -> None:
    bare = replace(data, definition={}, roles={}, stimuli=data.stimuli.head(0))
    text = " ".join(methods(quick(bare)))
    assert "Recruitment is not stated" in text
    assert "the wording is not stored" in text


def test_names_in_a_report_cannot_become_markup(data: StudyData) -> None:
    nasty = "<script>alert(1)</script>"
    changed = replace(
        data,
        title=nasty,
        ratings=data.ratings.replace({"system": {"model-a": nasty}}),
        roles={nasty: "system"},
    )
    html = render_report(quick(changed), AT)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_study_without_ratings_has_a_report_too(data: StudyData) -> None:
    empty = replace(data, ratings=data.ratings.head(0), sessions=data.sessions.head(0))
    html = render_report(quick(empty), AT)
    assert "There are no ratings yet" in html
    assert "nothing is rated on scale" in html


def test_a_study_that_nobody_passed_is_reported_unscreened_and_says_so(data: StudyData) -> None:
    nobody = replace(data, ratings=data.ratings.assign(accepted=False))
    results = quick(nobody)
    assert not results.scales[0].screened
    assert "Until then the numbers are of all sessions" in render_report(results, AT)


def test_the_export_holds_every_rating_and_nothing_personal(db: Database, data: StudyData, tmp_path: Path) -> None:
    done = export_study(db, "judged", tmp_path / "out", largest_mixed=0)
    names = {path.name for path in done.files}
    tables = {f"{table}.{kind}" for table in ("ratings", "sessions", "stimuli") for kind in ("csv", "parquet")}
    assert names == tables | {"study.json", "results.json", "codebook.md"}
    table, typed = pd.read_csv(tmp_path / "out/ratings.csv"), pd.read_parquet(tmp_path / "out/ratings.parquet")
    assert len(table) == len(typed) == len(data.ratings) == done.ratings
    assert table["value"].sum() == typed["value"].sum() == data.ratings["value"].sum()
    raters = set(data.ratings["rater"]) | set(data.ratings["session"]) | set(data.ratings["trial"])
    for path in done.files:
        content = path.read_bytes()
        for secret in (PANEL_ID, SECRET_ANSWER, "/home/lab", *raters):
            assert secret.encode() not in content, (path.name, secret)
    facts = json.loads((tmp_path / "out/results.json").read_text(encoding="utf-8"))
    assert facts["scales"][0]["mos"]["systems"][0]["mean"]["low"] > 1


def test_scores_can_be_computed_again_from_the_export(data: StudyData, exported: Path) -> None:
    table = pd.read_parquet(exported / "ratings.parquet")
    main = table[(table["kind"] == "main") & table["accepted"].fillna(False) & (table["scale"] == "naturalness")]
    for score in mos(data.ratings, "naturalness").systems:
        assert main[main["system"] == score.system]["value"].mean() == pytest.approx(score.mean.value)


def test_every_exported_column_is_in_the_codebook(exported: Path) -> None:
    book = (exported / "codebook.md").read_text(encoding="utf-8")
    for name in ("ratings", "sessions", "stimuli"):
        for column in pd.read_csv(exported / f"{name}.csv").columns:
            assert re.search(rf"^\| {column} \| \w.+ \|$", book, re.MULTILINE), column


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")'])
def test_no_cell_of_a_csv_is_a_formula(text: str, tmp_path: Path) -> None:
    safe_csv(pd.DataFrame({"system": [text, "plain"], text: [-1.5, 2.0]}), tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0][1] == f"'{text}"
    assert rows[1][0] == f"'{text}"
    assert rows[1][1] == "-1.5", "numbers stay numbers"


def test_a_new_export_replaces_the_old_and_a_file_is_refused(data: StudyData, tmp_path: Path) -> None:
    first, second = (replace(data, ratings=data.ratings.head(number)) for number in (8, 4))
    write_export(first, tmp_path / "out", largest_mixed=0)
    again = write_export(second, tmp_path / "out", largest_mixed=0)
    assert again.ratings == 4
    assert len(pd.read_csv(tmp_path / "out/ratings.csv")) == 4


def test_anonymous_names_are_stable_and_say_nothing(data: StudyData) -> None:
    names = anonymous_names(data)
    assert names == anonymous_names(data)
    assert len(set(names.values())) == DESIGN.num_raters + 1
    assert all(re.fullmatch(r"R\d{3}", name) for name in names.values())
    assert len(rating_rows(data)) == len(data.ratings)


def test_a_preference_counts_both_orders_and_the_order_itself() -> None:
    frame = simulate(Design(2, 20, 20, 10), [3.0, 3.0], PEOPLE, seed=3, systems=["a-b", "b-a"])  # type: ignore[arg-type]
    pairs = {"a-b": ("a", "b"), "b-a": ("b", "a")}
    # b is better by one in either order, and whatever comes second gains a half.
    frame = frame.assign(value=frame["system"].map({"a-b": 1.5, "b-a": -0.5}), scale="preference")
    found = preferences(frame, "preference", pairs)
    (pair,) = found.pairs
    assert (pair.first, pair.second) == ("a", "b")
    assert pair.preference.value == pytest.approx(1.0, abs=0.05)
    assert pair.shares == (0.0, 0.0, 1.0)
    assert found.order.value == pytest.approx(0.5, abs=0.05)
    assert pair.different


def test_an_ab_study_is_reported_by_its_preferences(data: StudyData) -> None:
    pairs = {"model-a": ("x", "y"), "model-b": ("y", "x"), "ground-truth": ("x", "y")}
    html = render_report(quick(replace(data, pairs=pairs)), AT)
    assert "x or y" in html
    assert "What is heard second gets" in html


def test_the_example_report_is_the_one_that_the_code_makes() -> None:
    made = render_report(analyse_study(example_study()), AT, BANNER)
    kept = EXAMPLE.read_text(encoding="utf-8")
    assert EXAMPLE.stat().st_size < 1_500_000
    assert _words(made) == _words(kept), "run `undertone study example --out assets/example-report.html`"


def _words(html: str) -> str:
    """Without versions and digits: another machine rounds the last one otherwise."""
    text = re.sub(r"Computed with .*?</p>", "", html, flags=re.DOTALL)
    return re.sub(r"[-−+]?[0-9.]+", "#", text)


def test_a_trial_kind_that_is_not_main_never_reaches_a_score(db: Database, data: StudyData) -> None:
    with db.reading() as transaction:
        assert transaction.query(Trial).filter_by(kind="trap").count() == DESIGN.num_raters
    assert all(score.mean.num_ratings <= 50 for score in mos(data.ratings, "naturalness").systems)
