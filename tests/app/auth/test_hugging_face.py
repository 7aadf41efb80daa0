"""Sign-in through Hugging Face: offered on a Space, and open to its owner and to accounts that were added."""

import re
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from tests.app.auth.site import refusals
from undertone.app.auth.hugging_face import add_hugging_face, admin_of_account, is_configured
from undertone.app.auth.passphrases import add_admin
from undertone.app.auth.sign_in import Admin, SignIn
from undertone.app.auth.sign_in_page import sign_in_router
from undertone.studies.store import Database

SPACE = {
    "OAUTH_CLIENT_ID": "client",
    "OAUTH_CLIENT_SECRET": "hush",
    "OPENID_PROVIDER_URL": "https://huggingface.example",
    "SPACE_AUTHOR_NAME": "owner",
}


def test_a_hugging_face_account_needs_a_row_unless_it_owns_the_space(sign_in: SignIn, db: Database) -> None:
    add_admin(db, "hf:carol", "reader")
    assert admin_of_account(sign_in, "carol", "owner") == Admin("hf:carol", "reader")
    assert admin_of_account(sign_in, "owner", "owner") == Admin("hf:owner", "admin")
    assert admin_of_account(sign_in, "mallory", "owner") is None
    assert admin_of_account(sign_in, "mallory", None) is None
    assert refusals(db) == [{"reason": "unknown account of Hugging Face"}] * 2


def test_signing_in_with_hugging_face_is_offered_only_on_a_space() -> None:
    assert is_configured(SPACE)
    assert not is_configured({**SPACE, "OAUTH_CLIENT_SECRET": ""})
    assert not is_configured({})


@pytest.fixture
def space(sign_in: SignIn) -> TestClient:
    """A Space whose provider answers as Hugging Face does, without the network."""
    app = FastAPI()
    app.include_router(sign_in_router(sign_in, hugging_face=True))
    oauth = add_hugging_face(app, sign_in, {**SPACE, "SPACE_HOST": "space.example"})
    client = oauth.huggingface
    client.server_metadata.update(
        authorization_endpoint="https://huggingface.example/oauth/authorize", _loaded_at=1, issuer="x"
    )

    async def fetch_access_token(**_: Any) -> dict[str, Any]:
        return {"access_token": "t", "userinfo": {"preferred_username": "owner"}}

    client.fetch_access_token = fetch_access_token

    @app.get("/results")
    def results(request: Request) -> dict[str, str]:
        return {"name": sign_in.require_admin(request)}

    # A Space ends https in front of the server: the request itself says http, the cookie of the state needs https.
    return TestClient(app, base_url="https://10.1.2.3", follow_redirects=False)


def test_hugging_face_leads_back_and_in(space: TestClient) -> None:
    assert "/sign-in/hugging-face" in space.get("/sign-in").text
    away = space.get("/sign-in/hugging-face", params={"next": "/results"}).headers["location"]
    assert away.startswith("https://huggingface.example/oauth/authorize?")
    assert "redirect_uri=https%3A%2F%2Fspace.example%2Fsign-in%2Fhugging-face%2Fback" in away
    state = re.search(r"state=([^&]+)", away)
    assert state
    back = space.get("/sign-in/hugging-face/back", params={"code": "c", "state": state[1]})
    assert back.headers["location"] == "/results"
    assert space.get("/results").json() == {"name": "hf:owner"}


def test_in_a_frame_hugging_face_opens_in_a_window_of_its_own(
    space: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages lie in no frame."""
    button = re.compile(r'<a [^>]*href="/sign-in/hugging-face[^>]*>')
    for framed in (False, True):
        monkeypatch.setenv("UNDERTONE_FRAMED", str(int(framed)))
        (link,) = button.findall(space.get("/sign-in").text)
        assert ('target="_blank"' in link) is framed


def test_an_answer_that_was_not_asked_for_is_refused(space: TestClient) -> None:
    back = space.get("/sign-in/hugging-face/back", params={"code": "c", "state": "forged"})
    assert back.status_code == 400
    assert "Sign-in did not work" in back.text
    assert space.get("/results").status_code == 401
