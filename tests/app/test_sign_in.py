"""Only the people in the database come in, readers change nothing, and every step is in the audit log."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.hugging_face import add_hugging_face, admit_account, is_offered
from app.passphrases import PassphraseError, add_admin, hash_passphrase, matches
from app.sign_in import COOKIE, Admin, SignIn, local_path
from app.sign_in_page import sign_in_router
from studies.store import Database, migrate
from studies.store.tables import AdminUser, Event

PASSPHRASE = "four words will do"
SAME_SITE = {"sec-fetch-site": "same-origin"}
SPACE = {
    "OAUTH_CLIENT_ID": "client",
    "OAUTH_CLIENT_SECRET": "hush",
    "OPENID_PROVIDER_URL": "https://huggingface.example",
    "SPACE_AUTHOR_NAME": "owner",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with an admin and a reader; hashing is slow on purpose, so it is done once."""
    path = tmp_path_factory.mktemp("admins") / "studies.sqlite"
    db = Database(f"sqlite:///{path}")
    migrate(db)
    add_admin(db, "alice", "admin", PASSPHRASE)
    add_admin(db, "rita", "reader", PASSPHRASE)
    db.close()
    return path


@pytest.fixture
def db(file: Path, tmp_path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{shutil.copy(file, tmp_path)}")
    yield db
    db.close()


@pytest.fixture
def sign_in(db: Database) -> SignIn:
    return SignIn(db, "a secret of the server")


@pytest.fixture
def site(sign_in: SignIn) -> TestClient:
    app = FastAPI()
    app.include_router(sign_in_router(sign_in))

    @app.get("/results")
    def results(request: Request) -> dict[str, str]:
        return {"name": sign_in.require_admin(request)}

    @app.post("/close")
    def close(request: Request) -> dict[str, str]:
        return {"role": sign_in.require_role(request, "admin").role}

    return TestClient(app, follow_redirects=False)


def enter(site: TestClient, name: str = "alice", passphrase: str = PASSPHRASE, **more: Any) -> Any:
    form = {"name": name, "passphrase": passphrase, "next": more.pop("next", "/results")}
    return site.post("/sign-in", data=form, headers={**SAME_SITE, **more})


def kinds(db: Database) -> list[str]:
    with db.reading() as transaction:
        return list(transaction.scalars(select(Event.kind).where(Event.actor == "admin").order_by(Event.id)))


def test_a_stranger_is_sent_to_sign_in_and_a_program_is_refused(site: TestClient) -> None:
    page = site.get("/results", headers={"accept": "text/html"})
    assert page.status_code == 303
    assert page.headers["location"] == "/sign-in?next=/results"
    assert site.get("/results").status_code == 401
    assert site.post("/close", headers={"accept": "text/html"}).status_code == 401


def test_the_right_passphrase_opens_and_leaving_closes(site: TestClient, db: Database) -> None:
    answer = enter(site)
    assert (answer.status_code, answer.headers["location"]) == (303, "/results")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert site.get("/results").json() == {"name": "alice"}
    site.post("/sign-out", headers=SAME_SITE)
    assert site.get("/results").status_code == 401
    assert kinds(db)[2:] == ["admin.signed_in", "admin.signed_out"]


def test_over_https_the_cookie_is_secure(site: TestClient) -> None:
    assert "secure" in enter(site, **{"x-forwarded-proto": "https"}).headers["set-cookie"].lower()


def test_a_gradio_page_behind_the_guard_gives_strangers_nothing(sign_in: SignIn) -> None:
    with gr.Blocks() as blocks:
        box = gr.Textbox("a secret number")
        gr.Button().click(lambda text: text, box, box)
    app = FastAPI()
    app.include_router(sign_in_router(sign_in))
    gr.mount_gradio_app(app, blocks, path="/results", auth_dependency=sign_in.require_admin, footer_links=[])
    with TestClient(app, follow_redirects=False) as site:
        page = site.get("/results/", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/results/")
        joining = {"data": ["x"], "fn_index": 0, "session_hash": "s"}
        assert site.get("/results/config").status_code == 401
        assert site.get("/results/gradio_api/info").status_code == 401
        assert site.post("/results/gradio_api/queue/join", json=joining).status_code == 401
        assert enter(site, "rita").status_code == 303
        assert "a secret number" in site.get("/results/", headers={"accept": "text/html"}).text
        assert site.post("/results/gradio_api/queue/join", json=joining).status_code == 200


@pytest.mark.parametrize(("name", "passphrase"), [("alice", "wrong"), ("nobody", PASSPHRASE), ("alice", ""), ("", "x")])
def test_a_wrong_answer_is_refused_without_saying_which_part_was_wrong(
    site: TestClient, name: str, passphrase: str
) -> None:
    answer = enter(site, name, passphrase)
    assert answer.status_code in (401, 422)
    assert COOKIE not in answer.headers.get("set-cookie", "")
    if answer.status_code == 401:
        assert "Name or passphrase is wrong" in answer.text


def test_after_five_attempts_even_the_right_passphrase_must_wait(site: TestClient, db: Database) -> None:
    for _ in range(5):
        enter(site, passphrase="wrong")
    answer = enter(site)
    assert answer.status_code == 401
    assert "Wait a few minutes" in answer.text
    assert enter(site, "rita").status_code == 303
    assert kinds(db).count("admin.refused") == 6


def test_a_reader_looks_but_changes_nothing(site: TestClient) -> None:
    enter(site, "rita")
    assert site.get("/results").json() == {"name": "rita"}
    assert site.post("/close").status_code == 403
    enter(site, "alice")
    assert site.post("/close").json() == {"role": "admin"}


def test_a_forged_or_foreign_cookie_opens_nothing(site: TestClient, db: Database) -> None:
    enter(site)
    good = site.cookies[COOKIE]
    other = SignIn(db, "another secret")._serializer.dumps({"name": "alice", "key": "x"})
    for bad in ("", "alice", good[:-9] + "forged" + good[-3:], other, good.replace(".", "", 1)):
        site.cookies.clear()
        site.cookies.set(COOKIE, bad)
        assert site.get("/results").status_code == 401


def test_a_new_passphrase_a_new_role_and_a_removal_work_at_once(site: TestClient, db: Database) -> None:
    enter(site)
    add_admin(db, "alice", "reader", "another good passphrase")
    assert site.get("/results").status_code == 401
    enter(site, "alice", "another good passphrase")
    assert site.post("/close").status_code == 403
    with db.session() as transaction:
        transaction.delete(transaction.get_one(AdminUser, "alice"))
    assert site.get("/results").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}, {}],
)
def test_a_form_on_another_site_is_refused(site: TestClient, headers: dict[str, str]) -> None:
    form = {"name": "alice", "passphrase": PASSPHRASE}
    assert site.post("/sign-in", data=form, headers=headers).status_code == 403
    assert site.post("/sign-out", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_signing_in_never_leads_to_another_site(site: TestClient, path: str) -> None:
    assert local_path(path) == "/results"
    assert enter(site, next=path).headers["location"] == "/results"


def test_what_is_shown_back_is_escaped(site: TestClient) -> None:
    page = site.get("/sign-in", params={"next": '/results"><script>alert(1)</script>'}).text
    assert "<script" not in page


def test_the_page_allows_no_script_and_is_not_kept(site: TestClient) -> None:
    answer = site.get("/sign-in")
    assert "script-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'self' https://huggingface.co" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_passphrases_are_kept_as_salted_scrypt() -> None:
    first, second = hash_passphrase(PASSPHRASE), hash_passphrase(PASSPHRASE)
    assert first != second
    assert re.fullmatch(r"scrypt\$32768\$8\$1\$[0-9a-f]{32}\$[0-9a-f]{64}", first)
    assert matches(PASSPHRASE, first)
    assert not matches(PASSPHRASE + " ", first)
    assert not matches("none", "none")
    with pytest.raises(PassphraseError, match="at least 12"):
        hash_passphrase("short")


def test_only_accounts_of_hugging_face_go_without_a_passphrase(db: Database) -> None:
    with pytest.raises(PassphraseError, match="needs a passphrase"):
        add_admin(db, "bob", "admin")


def test_a_hugging_face_account_needs_a_row_unless_it_owns_the_space(sign_in: SignIn, db: Database) -> None:
    add_admin(db, "hf:carol", "reader")
    assert admit_account(sign_in, "carol", "owner") == Admin("hf:carol", "reader")
    assert admit_account(sign_in, "owner", "owner") == Admin("hf:owner", "admin")
    assert admit_account(sign_in, "mallory", "owner") is None
    assert admit_account(sign_in, "mallory", None) is None
    assert "admin.refused" in kinds(db)


def test_signing_in_with_hugging_face_is_offered_only_on_a_space() -> None:
    assert is_offered(SPACE)
    assert not is_offered({**SPACE, "OAUTH_CLIENT_SECRET": ""})
    assert not is_offered({})


@pytest.fixture
def space(sign_in: SignIn) -> TestClient:
    """A Space whose provider answers as Hugging Face does, without the network."""
    app = FastAPI()
    app.include_router(sign_in_router(sign_in, hugging_face=True))
    oauth = add_hugging_face(app, sign_in, SPACE)
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

    return TestClient(app, base_url="https://space.example", follow_redirects=False)


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


def test_an_answer_that_was_not_asked_for_is_refused(space: TestClient) -> None:
    back = space.get("/sign-in/hugging-face/back", params={"code": "c", "state": "forged"})
    assert back.status_code == 400
    assert "Sign-in did not work" in back.text
    assert space.get("/results").status_code == 401
