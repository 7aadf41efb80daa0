"""The whole site with listening studies: who gets where, quick ratings, and a study made of takes."""

import shutil
from pathlib import Path

import gradio as gr
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from undertone.app.auth.passphrases import add_admin
from undertone.app.shared.context import Context
from undertone.app.shared.visitor import Visit
from undertone.app.site.application import create_app
from undertone.app.site.studies_site import StudiesSite
from undertone.engine import Engine
from undertone.studies.sessions.casual_ratings import rate_casually
from undertone.studies.store import Database, StorageLocations, migrate
from undertone.studies.store.studies import study_names
from undertone.studies.store.tables import CasualRating, Rating

PASSPHRASE = "four words will do"


@pytest.fixture(scope="module")
def with_admins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data with an admin and a reader, made once: hashing passphrases is slow on purpose."""
    places = StorageLocations.at(tmp_path_factory.mktemp("prepared") / "data")
    db = Database(places.url, places.events)
    migrate(db)
    add_admin(db, "ada", "admin", PASSPHRASE)
    add_admin(db, "rita", "reader", PASSPHRASE)
    db.close()
    return places.data


@pytest.fixture
def places(with_admins: Path, tmp_path: Path) -> StorageLocations:
    return StorageLocations.at(shutil.copytree(with_admins, tmp_path / "data"))


@pytest.fixture
def site(engine: Engine, places: StorageLocations, tmp_path: Path) -> Context:
    db = Database(places.url, places.events)
    return Context(engine, tmp_path / "visits", feedback=StudiesSite.open(db, places, tmp_path / "downloads"))


def studies_of(site: Context) -> StudiesSite:
    assert isinstance(site.feedback, StudiesSite)
    return site.feedback


@pytest.fixture
def client(site: Context) -> TestClient:
    return TestClient(create_app(site, studies_site=studies_of(site)), follow_redirects=False)


def sign_in(client: TestClient, name: str) -> None:
    form = {"name": name, "passphrase": PASSPHRASE, "next": "/results"}
    answer = client.post("/sign-in", data=form, headers={"origin": "http://testserver"})
    assert answer.status_code == 303


def test_results_are_for_people_who_have_signed_in(client: TestClient) -> None:
    asked = client.get("/results/", headers={"accept": "text/html"})
    assert asked.status_code == 303
    assert asked.headers["location"].startswith("/sign-in")
    for path in ("/results/config", "/results/gradio_api/info"):
        assert client.get(path).status_code == 401
    sign_in(client, "rita")
    assert client.get("/results/", headers={"accept": "text/html"}).status_code == 200


def test_visitors_and_raters_need_no_sign_in_and_find_each_other(client: TestClient) -> None:
    assert "/results" in client.get("/config").text
    page = client.get("/rate/some-study")
    assert page.status_code == 200
    assert "gradio_config" not in page.text


def test_a_site_without_studies_has_neither(context: Context) -> None:
    client = TestClient(create_app(context), follow_redirects=False)
    assert client.get("/sign-in").status_code == 404
    assert "/results" not in client.get("/config").text


def test_quick_ratings_are_kept_apart_from_studies(site: Context, visit_with_takes: Visit) -> None:
    db = studies_of(site).db
    rate_casually(db, visit_with_takes.takes[0].settings, "naturalness", 4.0, "some visitor")
    with db.reading() as transaction:
        assert transaction.scalar(select(func.count()).select_from(CasualRating)) == 1
        assert transaction.scalar(select(func.count()).select_from(Rating)) == 0
        kept = transaction.scalars(select(CasualRating)).one()
    assert kept.visitor_hash is not None
    assert "some visitor" not in kept.visitor_hash


@pytest.fixture
def visit_with_takes(site: Context, visit: Visit) -> Visit:
    speech = site.engine.analyse(visit.clip.waveform, visit.clip.sample_rate_hz, 0.0, 3.0)  # type: ignore[union-attr]
    visit.keep(site.engine.takes(speech, seconds=1, seed=3, num_takes=2))
    return visit


@pytest.mark.parametrize(("who", "made"), [(None, False), ("rita", False), ("ada", True)])
def test_only_an_admin_makes_a_study_of_takes(
    client: TestClient, site: Context, visit_with_takes: Visit, who: str | None, made: bool
) -> None:
    from starlette.requests import Request

    from undertone.app.shared.study_maker import bind_study_maker, build_study_maker

    if who:
        sign_in(client, who)
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": [(b"cookie", cookies.encode())]})
    with gr.Blocks() as blocks:
        visit_state = gr.State(None)
        bind_study_maker(site, visit_state, build_study_maker())
    (handler,) = [fn.fn for fn in blocks.fns.values() if fn.fn is not None]
    said = handler(visit_with_takes, "first-study", gr.Request(request))
    assert study_names(studies_of(site).db) == (["first-study"] if made else [])
    assert ("draft now" in said) == made
    assert ("/sign-in" in said) == (not made)
    if made:
        assert "cannot name a study" in handler(visit_with_takes, "../../etc", gr.Request(request))
