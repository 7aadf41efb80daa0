"""Ratings from elsewhere: every known layout becomes a closed study with the same numbers; bad rows are named."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from tests.judged_study import add_judged_study
from tests.studies.analysis.test_kinds import best_worst_study, preference_study
from undertone.studies.analysis.export import export_study, write_export
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.mos import mos
from undertone.studies.analysis.report import study_report
from undertone.studies.analysis.results import analyse_study
from undertone.studies.importing import ImportProblem, Table, import_ratings, read_ratings
from undertone.studies.store import Database
from undertone.studies.store.studies import study_names
from undertone.studies.store.tables import Session, Study

RATERS, SYSTEMS, PROMPTS = 6, ("alpha", "beta", "reference"), 5


def crossed() -> pd.DataFrame:
    """Every rater on every system and prompt."""
    random = np.random.default_rng(3)
    rows = [
        (f"r{rater}", system, f"p{prompt}", int(np.clip(3 + number + random.normal(), 1, 5)))
        for rater in range(RATERS)
        for number, system in enumerate(SYSTEMS)
        for prompt in range(PROMPTS)
    ]
    return pd.DataFrame(rows, columns=["rater", "system", "prompt", "score"])


def written(tmp_path: Path, table: pd.DataFrame, name: str = "table.csv", **more: object) -> Path:
    path = tmp_path / name
    table.to_csv(path, index=False, **more)  # type: ignore[call-overload]
    return path


def means(table: pd.DataFrame) -> dict[str, float]:
    return table.groupby("system")["score"].mean().to_dict()


def taken(db: Database, table: Table, name: str = "imported") -> dict[str, float]:
    import_ratings(db, table, name)
    data = load_study(db, name)
    assert data.status == "closed"
    (scale,) = data.scales
    return {score.system: score.mean.value for score in mos(data.ratings, scale).systems}


def test_a_long_table_has_the_means_that_it_had(db: Database, tmp_path: Path) -> None:
    table = crossed()
    assert taken(db, read_ratings(written(tmp_path, table))) == pytest.approx(means(table))


@pytest.mark.parametrize("spread", ["rater", "system"])
def test_a_wide_table_is_the_long_one(db: Database, tmp_path: Path, spread: str) -> None:
    table = crossed()
    keys = [name for name in ("rater", "system", "prompt") if name != spread]
    wide = table.pivot(index=keys, columns=spread, values="score").reset_index()
    read = read_ratings(written(tmp_path, wide))
    assert read.layout == f"wide by {spread}"
    assert taken(db, read) == pytest.approx(means(table))


def test_columns_of_numbers_beside_rater_system_and_prompt_are_scales(db: Database, tmp_path: Path) -> None:
    table = crossed().rename(columns={"score": "naturalness"})
    table = table.assign(meaning=table["naturalness"] * 10, remark="fine")
    import_ratings(db, read_ratings(written(tmp_path, table)), "scales")
    data = load_study(db, "scales")
    assert data.scales == ["naturalness", "meaning"]
    assert (data.wording("meaning")["minimum"], data.wording("meaning")["maximum"]) == (0, 100)
    with db.reading() as transaction:
        kept = transaction.scalars(select(Session.answers)).first()
    assert kept is not None
    assert kept["_imported"][0]["remark"] == "fine"


def test_webmushra_is_a_mushra_study_with_its_reference(db: Database, tmp_path: Path) -> None:
    table = crossed().rename(
        columns={"rater": "session_uuid", "system": "rating_stimulus", "prompt": "trial_id", "score": "rating_score"}
    )
    table = table.assign(rating_score=table["rating_score"] * 20, rating_time=1200, rating_comment="", email="a@b.c")
    import_ratings(db, read_ratings(written(tmp_path, table)), "web")
    data = load_study(db, "web")
    assert data.roles == {"alpha": "system", "beta": "system", "reference": "ground_truth"}
    (found,) = analyse_study(data, largest_mixed=0).scales
    assert found.kind == "mushra"
    assert any("Post-screening" in note for note in found.notes)


def test_a_batch_of_the_p808_toolkit_has_clips_by_their_addresses(db: Database, tmp_path: Path) -> None:
    table = crossed()
    rows = []
    for rater, given in table.groupby("rater"):
        row: dict[str, object] = {"WorkerId": rater, "HITId": "h1"}
        for number, one in enumerate(given.itertuples()):
            row[f"Answer.q{number}_url"] = f"https://clips.example/{one.system}/{one.prompt}.wav?sig=x"
            row[f"Answer.q{number}"] = one.score
        rows.append(row)
    read = read_ratings(written(tmp_path, pd.DataFrame(rows)))
    assert read.layout == "p808"
    assert taken(db, read) == pytest.approx(means(table))


def test_a_list_of_the_voicemos_challenge_has_no_heading(db: Database, tmp_path: Path) -> None:
    table = crossed()
    lines = [
        f"sys{r.system},sys{r.system}-utt{r.prompt}.wav,{r.score},0,{{}}_30-39_{r.rater}_Male_x"
        for r in table.itertuples()
    ]
    (tmp_path / "TRAINSET").write_text("\n".join(lines))
    read = read_ratings(tmp_path / "TRAINSET")
    assert read.layout == "voicemos"
    assert taken(db, read) == pytest.approx({f"sys{name}": value for name, value in means(table).items()})


def test_our_own_export_comes_back_with_the_same_results(db: Database, tmp_path: Path) -> None:
    add_judged_study(db)
    export_study(db, "judged", tmp_path / "export", largest_mixed=0)
    import_ratings(db, read_ratings(tmp_path / "export" / "ratings.csv"), "again")
    before, after = (load_study(db, name) for name in ("judged", "again"))
    assert after.roles == before.roles
    for scale in before.scales:
        assert after.wording(scale)["question"] == before.wording(scale)["question"]
        ours, theirs = (mos(data.ratings, scale) for data in (before, after))
        for one, other in zip(ours.systems, theirs.systems, strict=True):
            assert (one.mean.value, one.mean.low, one.mean.high) == pytest.approx(
                (other.mean.value, other.mean.low, other.mean.high)
            )
    export_study(db, "again", tmp_path / "again", largest_mixed=0)
    assert "not recorded here" in study_report(db, "again", tmp_path, largest_mixed=0).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["best_worst", "preference", "ab"])
def test_an_export_of_choices_comes_back_as_choices(db: Database, tmp_path: Path, kind: str) -> None:
    data = best_worst_study() if kind == "best_worst" else preference_study(in_one_sound=kind == "ab")
    write_export(data, tmp_path / "export", largest_mixed=0)
    import_ratings(db, read_ratings(tmp_path / "export" / "ratings.csv"), "again")
    ours, theirs = (analyse_study(one, largest_mixed=0).scales[0] for one in (data, load_study(db, "again")))
    assert ours.ranking is not None
    assert theirs.ranking is not None
    for one, other in zip(ours.ranking.systems, theirs.ranking.systems, strict=True):
        assert (one.system, one.times) == (other.system, other.times)
        assert (one.strength, one.low) == pytest.approx((other.strength, other.low))


def test_a_description_that_is_none_is_refused_and_nothing_is_stored(db: Database, tmp_path: Path) -> None:
    write_export(preference_study(in_one_sound=False), tmp_path / "export", largest_mixed=0)
    facts = json.loads((tmp_path / "export" / "study.json").read_text(encoding="utf-8"))
    for change in (
        {"seed": "many"},
        {"roles": {"model-a": "king"}},
        {"definition": 5},
        {"definition": {"sections": 5}},
        {"definition": {"systems": ["a"]}},
        {"definition": {"trials": {"kind": "unknown"}}},
        {"title": "\u0000"},
    ):
        (tmp_path / "export" / "study.json").write_text(json.dumps(facts | change), encoding="utf-8")
        with pytest.raises(ImportProblem, match="Move it away"):
            import_ratings(db, read_ratings(tmp_path / "export" / "ratings.csv"), "again")
    assert study_names(db) == []


def test_bad_rows_are_named_by_their_lines_and_nothing_is_stored(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("rater,system,prompt,score\na,x,p,3\na,x,q,three\n,x,p,2\nb,x,p,55\nb,y,p,\n")
    table = read_ratings(path, limits=(1, 5))
    with pytest.raises(ImportProblem, match=r"line 3: the score 'three' is no number; line 4: no rater; line 5: .* 55"):
        import_ratings(db, table, "bad")
    with db.reading() as transaction:
        assert transaction.scalar(select(Study.id)) is None
    done = import_ratings(db, table, "bad", skip_bad_rows=True)
    assert (done.ratings, len(done.skipped)) == (1, 3)
    assert "1 cells have no score" in done.notes[-1]


def test_a_clip_that_a_rater_rated_twice_is_kept_twice(db: Database, tmp_path: Path) -> None:
    table = pd.concat([crossed(), crossed()])
    done = import_ratings(db, read_ratings(written(tmp_path, table)), "twice")
    assert len(load_study(db, "twice").ratings) == len(table)
    assert "more than once" in done.notes[0]


def test_raters_of_one_system_each_are_said_to_be(db: Database, tmp_path: Path) -> None:
    table = crossed()
    table["rater"] = table["rater"] + table["system"]
    done = import_ratings(db, read_ratings(written(tmp_path, table)), "nested")
    assert "one system only" in done.notes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("one,two\n1,2\n", "Rename the columns"),
        ("rater,system,prompt,Rater,score\na,b,c,d,1\n", "two columns of the same name"),
        ("a\0b\n", "NUL"),
    ],
)
def test_what_is_no_table_of_ratings_says_what_was_expected(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(text)
    with pytest.raises(ImportProblem, match=said):
        read_ratings(path)


def test_a_name_that_is_taken_is_refused(db: Database, tmp_path: Path) -> None:
    table = read_ratings(written(tmp_path, crossed()))
    import_ratings(db, table, "once")
    with pytest.raises(ImportProblem, match="already"):
        import_ratings(db, table, "once")
