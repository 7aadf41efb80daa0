"""`undertone study prolific` as somebody would type it, against a stand-in of Prolific's API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.prolific_stand_in import TOKEN, Prolific, stand_in
from tests.rating_study import add_study, design
from tests.studies.sessions.rater import Rater
from undertone.app.cli.main import app
from undertone.engine.errors import UndertoneError
from undertone.studies.build.lifecycle import set_status
from undertone.studies.sessions import Sessions, load_secret
from undertone.studies.store import Database, StorageLocations, migrate

STUDY, AT_PROLIFIC = "secret-study", "60aca280709ee40ec37d4885"


@pytest.fixture
def prolific(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prolific]:
    """A study in which ada has finished and bob has left."""
    for name in ("UNDERTONE_DATABASE", "UNDERTONE_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UNDERTONE_DATA", str(tmp_path))
    places = StorageLocations.default()
    db = Database(places.url)
    migrate(db)
    study = add_study(db, places.media, design(allocation={"trials_per_session": 1}, golds=[], traps=[]), "open")
    sessions = Sessions(db, places.media, load_secret(places.data))
    ada = Rater.begin(sessions, study, "ada", submission="sub1")
    ada.go_through()
    Rater.begin(sessions, study, "bob", submission="sub2").answer(agree=True)
    db.close()
    with stand_in() as prolific:
        prolific.add(AT_PROLIFIC, "sub1", "ada", "AWAITING REVIEW")
        prolific.add(AT_PROLIFIC, "sub2", "bob", "RETURNED")
        prolific.add(AT_PROLIFIC, "sub3", "cleo", "AWAITING REVIEW")
        monkeypatch.setenv("UNDERTONE_PROLIFIC_TOKEN", TOKEN)
        monkeypatch.setenv("UNDERTONE_PROLIFIC_API", prolific.url)
        yield prolific


def output(*arguments: str, typed: str | None = None) -> str:
    done = CliRunner().invoke(app, ["study", "prolific", STUDY, "--study", AT_PROLIFIC, *arguments], input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_places_are_freed_and_nobody_is_paid_unasked(prolific: Prolific) -> None:
    told = output()
    assert "Prolific: 2 awaiting review, 1 returned" in told
    assert "bob  returned: the places are free again" in told
    assert "ada  finished here and accepted: to be approved" in told
    assert "cleo  handed in without a session here: look at it there" in told
    assert "bob" not in output(), "it is done once"
    assert "Approve 1, and so pay them?" in output("--approve", typed="n\n")
    assert not any(asked.startswith("POST") for asked in prolific.asked)


def test_who_is_approved_is_asked_for_and_is_nobody_else(prolific: Prolific) -> None:
    assert "1 approved" in output("--approve", typed="y\n")
    assert prolific.statuses(AT_PROLIFIC) == {"sub1": "APPROVED", "sub2": "RETURNED", "sub3": "AWAITING REVIEW"}
    assert "approved;" not in output("--approve", "--yes"), "and not twice"


def test_looks_go_on_until_the_study_is_closed(prolific: Prolific) -> None:
    assert "unattended" in output("--every", "5", "--approve"), "who is paid is asked for"
    places = StorageLocations.default()
    db = Database(places.url)
    set_status(db, STUDY, "closed", places)
    db.close()
    assert "1 approved" in output("--every", "5", "--approve", "--yes")
    assert prolific.asked[-1].startswith("POST")


def test_without_a_token_it_is_said_where_one_belongs(prolific: Prolific, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERTONE_PROLIFIC_TOKEN")
    with pytest.raises(UndertoneError, match="put it into UNDERTONE_PROLIFIC_TOKEN"):
        output()
    assert not prolific.asked
