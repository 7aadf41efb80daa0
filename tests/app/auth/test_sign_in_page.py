"""The sign-in page: no script, no other site, nothing shown back, delays for wrong passphrases."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.app.auth.site import PASSPHRASE, Clock, enter
from undertone.studies.store import Database


def test_wrong_tries_wait_longer_and_longer_but_the_right_passphrase_gets_in(site: TestClient, clock: Clock) -> None:
    for _ in range(20):
        assert enter(site, passphrase="wrong").status_code == 401
    assert clock.waits[:9] == [0, 0, 0, 1, 2, 4, 8, 16, 16]
    assert enter(site).status_code == 303
    assert clock.waits[-1] <= 16
    enter(site, passphrase="wrong")
    assert clock.waits[-1] == 0, "after the right one it begins anew"


@pytest.mark.parametrize("name", ["alice\x00", "\u202ealice", "x" * 201])
def test_odd_names_are_refused_and_never_shown_back(site: TestClient, name: str) -> None:
    answer = enter(site, name=name)
    assert answer.status_code in (401, 422)
    assert name not in answer.text


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}, {}],
)
def test_a_form_on_another_site_is_refused(site: TestClient, headers: dict[str, str]) -> None:
    form = {"name": "alice", "passphrase": PASSPHRASE}
    assert site.post("/sign-in", data=form, headers=headers).status_code == 403
    assert site.post("/sign-out", headers=headers).status_code == 403


def test_what_is_shown_back_is_escaped(site: TestClient) -> None:
    page = site.get("/sign-in", params={"next": '/results"><script>alert(1)</script>'}).text
    assert "<script" not in page


def test_the_page_allows_no_script_and_is_not_kept(site: TestClient) -> None:
    answer = site.get("/sign-in")
    assert "script-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'self' https://huggingface.co" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_database_that_cannot_be_read_is_told_on_a_page(site: TestClient, db: Database) -> None:
    enter(site)
    path = Path(str(db.engine.url.database))
    db.close()
    path.write_bytes(b"this is no database" * 1000)
    for answer in (enter(site), site.get("/sign-in")):
        assert answer.status_code == 503
        assert "Nobody can sign in now" in answer.text
    assert site.get("/results").status_code == 503
