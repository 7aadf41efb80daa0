"""What Prolific tells of a submission frees its places at once; what anybody else tells changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from tests.app.rate_site import Client, Clock
from tests.prolific_stand_in import WORKSPACE_SECRET, change_message, signed_headers
from tests.rating_study import add_study, design
from tests.studies_database import new_database
from undertone.app.asgi.root_path import RootPathError, UnderRootPath, read_root_path
from undertone.app.rate import prolific_router, rate_router
from undertone.app.rate.prolific_webhook import PATH
from undertone.app.site.studies_site import StudiesSite
from undertone.studies.panels.submissions import OVER
from undertone.studies.panels.webhook import MOST_BYTES, SECRET_VARIABLE
from undertone.studies.sessions import Sessions
from undertone.studies.store import Database, StorageLocations

FEW = {"allocation": {"trials_per_session": 2, "raters_per_stimulus": 4}, "golds": [], "traps": []}


class Panel:
    """A site that Prolific may call, with a study that has one place."""

    def __init__(self, db: Database, media: Path) -> None:
        self.clock, self.db = Clock(), db
        app = FastAPI()
        app.include_router(rate_router(Sessions(db, media, "secret"), self.clock))
        app.include_router(prolific_router(db, "secret", WORKSPACE_SECRET, self.clock))
        self.site = TestClient(app)
        self.study = add_study(db, media, design(**FEW, limits={"max_participants": 1}), "open")

    def begin(self, person: str) -> Response:
        """Begin, and listen to a clip, so that the place is held against newcomers."""
        query = {"PROLIFIC_PID": person, "SESSION_ID": f"of-{person}"}
        client = Client(self.site, self.clock)
        answer = client.post("begin", study=self.study, query=query)
        if answer.status_code == 200:
            client.token, client.view = answer.json()["token"], answer.json()["view"]
            client.answer(agree=True)
            client.hear()
        return answer

    def tell(self, status: str, person: str, **more: object) -> Response:
        body = change_message(f"of-{person}", person, status, **more)
        return self.site.post(PATH, content=body, headers=signed_headers(body, self.clock.now.timestamp()))


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    """Every test leaves the place free."""
    folder = tmp_path_factory.mktemp("panel")
    db = new_database(folder / "studies.sqlite")
    yield Panel(db, folder / "media")
    db.close()


def test_a_submission_that_is_over_frees_its_place_once(panel: Panel) -> None:
    people = ("ann", "bob", "cleo", "dan", "eve")
    for status, person, next_one in zip(OVER, people, people[1:], strict=False):
        assert panel.begin(person).status_code == 200
        assert panel.begin(next_one).json()["error"]["word"] == "full_for_now"
        for going_on in ("ACTIVE", "AWAITING REVIEW", "APPROVED", "SOMETHING NEW"):
            assert panel.tell(going_on, person).json() == {"released": 0}
        assert panel.tell(status, "stranger").json() == {"released": 0}
        assert panel.tell(status, person, unknown_field=[1]).json() == {"released": 1}
        assert panel.tell(status, person).json() == {"released": 0}, "the same message again changes nothing"


def test_under_a_sub_path_the_signed_message_is_the_same(panel: Panel) -> None:
    site = TestClient(UnderRootPath(panel.site.app, "/voice"))
    for person, path in (("hal", f"/voice{PATH}"), ("ida", PATH)):  # the proxy passes the sub-path on, or takes it off
        assert panel.begin(person).status_code == 200
        body = change_message(f"of-{person}", person, "RETURNED")
        headers = signed_headers(body, panel.clock.now.timestamp())
        assert site.post(path, content=body + b" ", headers=headers).status_code == 401
        assert site.post(path, content=body, headers=headers).json() == {"released": 1}
    with pytest.raises(RootPathError, match="begins as a page of the site"):
        read_root_path(PATH)


def test_what_is_not_signed_now_and_here_is_not_read(panel: Panel) -> None:
    assert panel.begin("finn").status_code == 200
    body = change_message("of-finn", "finn", "RETURNED")
    now = panel.clock.now.timestamp()
    for headers in (
        {},
        signed_headers(body, now, "a secret that somebody guessed"),
        signed_headers(body + b" ", now),
        signed_headers(body, now - 3600),
    ):
        refused = panel.site.post(PATH, content=body, headers=headers)
        assert refused.status_code == 401
        assert "finn" not in refused.text
    assert panel.begin("gus").json()["error"]["word"] == "full_for_now"
    assert panel.tell("RETURNED", "finn").json() == {"released": 1}


def test_bodies_are_bounded_before_they_are_checked(panel: Panel) -> None:
    large = b" " * (MOST_BYTES + 1)
    assert panel.site.post(PATH, content=large, headers=signed_headers(large, 0)).status_code == 413
    parts = (b" " * 1000 for _ in range(MOST_BYTES // 1000 + 1))  # without a length
    assert panel.site.post(PATH, content=parts).status_code == 413
    odd = b'{"event_type": "submission.status.change"}'
    signed = signed_headers(odd, panel.clock.now.timestamp())
    assert panel.site.post(PATH, content=odd, headers=signed).status_code == 400
    assert panel.site.get(PATH).status_code == 405


def test_a_paused_database_makes_prolific_send_again(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "read_only", True)
    assert panel.tell("RETURNED", "ann").status_code == 503


def test_the_site_has_the_address_only_where_the_secret_is_given(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer() -> int:
        app = FastAPI()
        StudiesSite.open(panel.db, StorageLocations.at(tmp_path), tmp_path).add_to(app)
        return TestClient(app).post(PATH, content=b"{}").status_code

    assert answer() == 404
    monkeypatch.setenv(SECRET_VARIABLE, WORKSPACE_SECRET)
    assert answer() == 401
