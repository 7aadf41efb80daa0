"""`undertone study` from a template to a restore, as somebody would type it."""

import re
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
import yaml
from sqlalchemy import select
from typer.testing import CliRunner, Result

from tests.clips import SAMPLE_RATE_HZ, speechlike
from tests.studies.design.sounds import definition, write_folders
from tests.studies.store.samples import make_rater, rate
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.cli.main import app
from undertone.engine import Engine, Sampling, Take
from undertone.engine.bundle import fingerprint
from undertone.engine.errors import UndertoneError
from undertone.studies.build.lifecycle import set_status
from undertone.studies.build.pipeline import build_study
from undertone.studies.build.takes import study_from_takes
from undertone.studies.design import DesignError, StudyFile, study_from_json
from undertone.studies.design.templates import template_names
from undertone.studies.sessions.casual_ratings import rate_casually
from undertone.studies.store import Database, StorageLocations, migrate
from undertone.studies.store.tables import AdminUser, CasualRating, Event, Rating, Session, Stimulus, Study, System
from undertone.studies.store.withdrawal import find_participant


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNDERTONE_DATABASE", raising=False)
    monkeypatch.setenv("UNDERTONE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str | Path, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, ["study", *map(str, arguments)], input=typed)


def output(*arguments: str | Path, typed: str | None = None) -> str:
    done = run(*arguments, typed=typed)
    if done.exception is not None:
        raise done.exception
    return done.output


def error(*arguments: str | Path) -> str:
    failure = run(*arguments).exception
    assert isinstance(failure, UndertoneError), failure
    return str(failure)


def small_study(folder: Path, **changes: Any) -> Path:
    write_folders(folder)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(definition(**changes)), encoding="utf-8")
    return path


def database(data: Path) -> Database:
    db = Database(StorageLocations.at(data).url, StorageLocations.at(data).events)
    migrate(db)
    return db


@pytest.mark.parametrize("name", template_names())
def test_new_writes_every_template_and_never_over_a_file(data: Path, name: str) -> None:
    assert "undertone study build mine.yaml" in output("new", "mine.yaml", "--template", name)
    assert "is there already" in error("new", "mine.yaml")
    assert "unknown template 'nope'" in error("new", "other.yaml", "--template", "nope")


def test_a_study_goes_from_file_to_withdrawal_and_restore(data: Path, tmp_path: Path) -> None:
    path = small_study(tmp_path)
    assert "no study was made yet" in output("status")
    assert "12 main" in output("build", path)
    opened = output("open", "small")
    db = database(data)
    with db.reading() as session:
        study = session.scalars(select(Study)).one()
        stimuli = list(session.scalars(select(Stimulus.id).limit(3)))
    assert f"raters go to /rate/{study.id} " in opened  # what a session begins with; the name would tell too much
    for panel in ("PANEL-A", "PANEL-B"):
        sample = make_rater(db, study.id, stimuli, panel)
        for trial in sample.trials:
            rate(db, sample, trial, 4)
    db.close()
    shown = output("status")
    assert "small (open): A small study" in shown
    assert "0 of 24 collected" in shown
    assert "2 rating" in shown
    assert "3 ratings of 1 sessions deleted" in output("withdraw", "PANEL-A", "--study", "small", "--yes")
    assert "nobody is known by 'PANEL-A'" in error("withdraw", "PANEL-A", "--yes")
    assert "has rows already" in error("restore")
    for file in data.glob("studies.sqlite*"):
        file.unlink()
    assert "3 rating" in output("restore")
    db = database(data)
    with db.reading() as session:
        assert len(session.scalars(select(Rating)).all()) == 3
    assert find_participant(db, "PANEL-B")
    db.close()
    assert "is paused" in output("pause", "small")
    assert "is closed" in output("close", "small")


def test_a_withdrawal_asks_first(data: Path, tmp_path: Path) -> None:
    output("build", small_study(tmp_path))
    db = database(data)
    with db.reading() as session:
        study = session.scalars(select(Study.id)).one()
    make_rater(db, study, [], "PANEL-A")
    assert run("withdraw", "PANEL-A", typed="n\n").exit_code == 1
    assert find_participant(db, "PANEL-A")
    assert "0 ratings of 1 sessions deleted" in output("withdraw", "PANEL-A", typed="y\n")
    db.close()


def test_mistakes_are_told_in_a_sentence(data: Path, tmp_path: Path) -> None:
    assert "there is no study 'x'" in error("open", "x")
    assert "none was made yet" in error("build", "x")
    assert "unknown key 'alloc'" in error("build", small_study(tmp_path, alloc=1))
    assert "cannot be read as a study file" in error("build", tmp_path / "missing.yaml")
    assert "role is 'boss'" in error("user", "anna", "--role", "boss")


def test_people_are_let_in_and_out_and_passphrases_are_hashed(data: Path) -> None:
    typed = "four words will do\n" * 2
    assert "anna may sign in as admin" in output("user", "anna", "--role", "admin", typed=typed)
    assert "hf:berta may sign in as reader" in output("user", "hf:berta")
    assert output("user").split() == ["anna", "admin", "hf:berta", "reader"]
    db = database(data)
    with db.reading() as session:
        assert session.get_one(AdminUser, "anna").passphrase_hash.startswith("scrypt$")
    db.close()
    output("user", "anna", "--remove")
    assert output("user").split() == ["hf:berta", "reader"]
    assert "nobody signs in as 'anna'" in error("user", "anna", "--remove")
    for path in data.rglob("*"):
        assert not path.is_file() or b"four words" not in path.read_bytes()


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Take]:
    """Two settings, two takes each, of one prompt."""
    engine = Engine.from_pretrained(make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"), device="cpu")
    speech = engine.analyse(speechlike(3.0), SAMPLE_RATE_HZ, 0.0, 1.5)
    settings = [Sampling(steps=2, end="never", token_temperature=t) for t in (0.5, 1.0)]
    return [take for sampling in settings for take in engine.takes(speech, 2.0, sampling, seed=5, num_takes=2)]


def heard_by_system(db: Database) -> dict[str, int]:
    with db.reading() as session:
        names = {system.id: system.name for system in session.scalars(select(System))}
        kinds = [names[str(s.system_id)] for s in session.scalars(select(Stimulus).where(Stimulus.kind == "main"))]
    return {name: kinds.count(name) for name in names.values()}


def test_takes_become_a_blind_study_that_knows_what_made_them(data: Path, takes: list[Take]) -> None:
    db, places = database(data), StorageLocations.at(data)
    made = study_from_takes(db, takes, places, "my-takes", scales=["naturalness"])
    assert isinstance(made, StudyFile)
    build_study(db, "my-takes", places)
    assert heard_by_system(db) == {"settings-1": 2, "settings-2": 2}
    with db.reading() as session:
        stored = study_from_json(dict(session.scalars(select(Study.definition)).one()))
        stimuli = list(session.scalars(select(Stimulus).where(Stimulus.kind == "main")))
    kept = stored.provenance["takes"]
    assert [kept[f"take-{index + 1}"]["settings"] for index in range(4)] == [
        take.settings.model_dump(mode="json") for take in takes
    ]
    assert len({stimulus.seconds for stimulus in stimuli}) == 1
    assert stimuli[0].seconds == pytest.approx(min(take.audio.numel() for take in takes) / SAMPLE_RATE_HZ)
    set_status(db, "my-takes", "open", places)
    with pytest.raises(DesignError, match="can no longer change"):
        study_from_takes(db, takes, places, "my-takes")
    db.close()


def test_takes_of_the_same_settings_are_compared_one_by_one(data: Path, takes: list[Take]) -> None:
    db, places = database(data), StorageLocations.at(data)
    study_from_takes(db, takes[:3], places, "uneven")
    assert "3 main" in output("build", "uneven")
    assert heard_by_system(db) == {"take-1": 1, "take-2": 1, "take-3": 1}
    with pytest.raises(DesignError, match="two takes at least"):
        study_from_takes(db, takes[:1], places, "single")
    db.close()


def test_quick_ratings_lie_beside_the_studies_and_never_among_their_numbers(data: Path, takes: list[Take]) -> None:
    db = database(data)
    rate_casually(db, takes[0].settings, "naturalness", 4, visitor="a session's hash")
    rate_casually(db, takes[0].settings, "naturalness", 2)
    with db.reading() as session:
        ratings = list(session.scalars(select(CasualRating).order_by(CasualRating.value)))
        assert [rating.value for rating in ratings] == [2.0, 4.0]
        assert ratings[1].settings == takes[0].settings.model_dump(mode="json")
        assert ratings[1].bundle_fingerprint == takes[0].settings.bundle_sha256
        assert ratings[1].visitor_hash not in (None, "a session's hash")
        assert session.scalars(select(Rating)).all() == []
        assert [event.study_id for event in session.scalars(select(Event))] == [None, None]
    for scale, value in (("naturalness", 6), ("naturalness", float("nan")), ("nonsense", 1)):
        with pytest.raises(DesignError):
            rate_casually(db, takes[0].settings, scale, value)
    db.close()


def test_a_take_is_heard_as_it_was_made(data: Path, takes: list[Take]) -> None:
    db, places = database(data), StorageLocations.at(data)
    study = study_from_takes(db, takes[:2], places, "pair")
    folder = study.folder
    assert folder is not None
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav")) == [
        "prompts/take-1.wav",
        "prompts/take-2.wav",
        "systems/take-1/take-1.wav",
        "systems/take-2/take-2.wav",
    ]
    kept, _ = soundfile.read(folder / "systems" / "take-1" / "take-1.wav", dtype="float32")
    assert torch.equal(torch.from_numpy(kept), takes[0].audio)
    db.close()


def test_people_are_listed_checked_written_and_forgotten(data: Path, tmp_path: Path) -> None:
    output("build", small_study(tmp_path))
    assert "nobody has taken part yet" in output("people", "small")
    db = database(data)
    with db.session() as session:
        study = session.scalars(select(Study)).one().id
    sample = make_rater(db, study, [], "PANEL-A")
    with db.session() as session:
        session.get_one(Session, sample.session).completion_code = "CABCDEFGH2"
    db.close()
    assert "PANEL-A                    CABCDEFGH2" in output("people", "small")
    assert "PANEL-A" in output("people", "small", "--code", "cabcdefgh2")
    assert "no session of study 'small' has the completion code" in error("people", "small", "--code", "CX")
    assert output("people", "small", "--out", tmp_path / "people").strip() == str(tmp_path / "people")
    assert "PANEL-A" in (tmp_path / "people" / "people.csv").read_text()
    assert "close it first" in error("forget", "small", "--yes")
    output("close", "small")
    assert run("forget", "small", typed="n\n").exit_code == 1
    assert "the ratings stay" in output("forget", "small", "--yes")
    assert "PANEL-A" not in output("people", "small")


def test_a_build_that_fails_leaves_no_draft_and_an_older_definition_stays(data: Path, tmp_path: Path) -> None:
    path = small_study(tmp_path)
    broken = yaml.safe_load(path.read_text(encoding="utf-8"))
    broken["prompts"]["continuation_seconds"] = 0.001
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(broken), encoding="utf-8")
    error("build", tmp_path / "broken.yaml")
    assert "no study was made yet" in output("status")
    output("build", path)
    error("build", tmp_path / "broken.yaml")
    assert broken["name"] in output("status")


def test_a_bundle_is_sought_beside_the_study_file_first(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere" / "voice").mkdir(parents=True)  # no bundle: to take this one would fail
    source = {"kind": "bundle", "bundle": "voice", "sampling": {"steps": 2, "end": "never", "blocks": False}}
    path = small_study(tmp_path / "study", systems=[{"name": "model", "source": source}])
    bundle = make_tiny_bundle(tmp_path / "study" / "voice")
    monkeypatch.chdir(tmp_path / "elsewhere")
    output("build", path)
    db = database(data)
    with db.reading() as session:
        made = session.scalars(select(Stimulus)).first()
        assert made is not None
        assert made.provenance["take"]["bundle_sha256"] == fingerprint(bundle)
    db.close()


def test_the_example_is_written_where_it_is_asked_for(data: Path, tmp_path: Path) -> None:
    assert output("example", "--out", tmp_path / "new" / "example.html").strip().endswith("example.html")
    assert "the ratings are simulated" in (tmp_path / "new" / "example.html").read_text(encoding="utf-8")
    assert not data.exists()


def test_a_simulation_says_how_often_the_intervals_hold_the_truth(data: Path) -> None:
    shown = output(
        "simulate", "--systems", "3", "--prompts", "12", "--raters", "12", "--trials", "9", "--studies", "60"
    )
    assert shown.startswith("60 studies drawn\n")
    (coverage,) = re.findall(r"intervals of means that hold the true score: +([0-9.]+)%", shown)
    (naive,) = re.findall(r"mean ± 1.96 sd/√n: +([0-9.]+)%", shown)
    assert float(naive) < float(coverage) > 85
    assert not data.exists()
