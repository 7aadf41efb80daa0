"""Only the people in the database come in, readers change nothing, and every step is in the audit log."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import select

from undertone.app.asgi.client_address import TrustedProxies, behind_proxies
from undertone.app.auth.attempts import MAX_COUNTS, MAX_WAIT_SECONDS, Attempts, TooManyAttemptsError
from undertone.app.auth.hugging_face import add_hugging_face, admin_of_account, is_configured
from undertone.app.auth.passphrases import PassphraseError, add_admin, hash_passphrase, verify_passphrase
from undertone.app.auth.sign_in import COOKIE, DEVICE_COOKIE, PATH, Admin, SignIn, local_path
from undertone.app.auth.sign_in_page import sign_in_router
from undertone.studies.store import Database, migrate
from undertone.studies.store.tables import AdminUser, Event

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


@dataclass
class Clock:
    """Time that passes only while a try waits for its turn."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sign_in(db: Database, clock: Clock) -> SignIn:
    return SignIn(db, "a secret of the server", Attempts(clock))


@pytest.fixture
def app(sign_in: SignIn, clock: Clock) -> FastAPI:
    app = FastAPI()
    app.include_router(sign_in_router(sign_in, sleep=clock.sleep))

    @app.get("/results")
    def results(request: Request) -> dict[str, str]:
        return {"name": sign_in.require_admin(request)}

    @app.post("/close")
    def close(request: Request) -> dict[str, str]:
        return {"role": sign_in.require_role(request, "admin").role}

    return app


@pytest.fixture
def site(app: FastAPI) -> TestClient:
    return TestClient(app, follow_redirects=False)


def enter(site: TestClient, name: str = "alice", passphrase: str = PASSPHRASE, **more: Any) -> Any:
    form = {"name": name, "passphrase": passphrase, "next": more.pop("next", "/results")}
    return site.post("/sign-in", data=form, headers={**SAME_SITE, **more})


def kinds(db: Database) -> list[str]:
    with db.reading() as transaction:
        return list(transaction.scalars(select(Event.kind).where(Event.actor == "admin").order_by(Event.id)))


def refusals(db: Database) -> list[dict[str, Any]]:
    with db.reading() as transaction:
        query = select(Event.payload).where(Event.kind == "admin.refused").order_by(Event.id)
        return [dict(payload) for payload in transaction.scalars(query)]


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


def test_a_copied_cookie_opens_nothing_after_signing_out_even_for_a_restarted_server(
    app: FastAPI, db: Database, site: TestClient
) -> None:
    enter(site)
    copied = site.cookies[COOKIE]
    elsewhere = TestClient(app, follow_redirects=False)
    enter(elsewhere)
    site.post("/sign-out", headers=SAME_SITE)
    site.cookies.set(COOKIE, copied)
    assert site.get("/results").status_code == 401
    assert elsewhere.get("/results").json() == {"name": "alice"}, "the other session of the same person goes on"
    restarted = SignIn(db, "a secret of the server")
    scope = {"type": "http", "headers": [(b"cookie", f"{COOKIE}={copied}".encode())], "method": "GET", "path": "/"}
    assert restarted.current_admin(Request(scope)) is None


def test_a_session_ends_on_the_server_even_while_studies_are_paused(site: TestClient, db: Database) -> None:
    db.pause("the disk is gone")
    assert enter(site).status_code == 303
    copied = site.cookies[COOKIE]
    assert site.get("/results").status_code == 200
    site.post("/sign-out", headers=SAME_SITE)
    site.cookies.set(COOKIE, copied)
    assert site.get("/results").status_code == 401


def test_a_database_that_cannot_be_read_is_told_on_a_page(site: TestClient, db: Database) -> None:
    enter(site)
    path = Path(str(db.engine.url.database))
    db.close()
    path.write_bytes(b"this is no database" * 1000)
    for answer in (enter(site), site.get("/sign-in")):
        assert answer.status_code == 503
        assert "Nobody can sign in now" in answer.text
    assert site.get("/results").status_code == 503


def test_the_cookie_is_secure_over_https_and_only_a_named_proxy_can_say_so(app: FastAPI) -> None:
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
    believed = TestClient(behind_proxies(app, TrustedProxies.parse(["10.0.0.1"], {})), client=("10.0.0.1", 1))
    refused = TestClient(behind_proxies(app, TrustedProxies()), client=("10.0.0.1", 1))
    direct = TestClient(app, base_url="https://testserver")
    for client, secure in ((believed, True), (refused, False), (direct, True)):
        client.follow_redirects = False
        assert ("secure" in enter(client, **forwarded).headers["set-cookie"].lower()) is secure


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


def test_wrong_tries_wait_longer_and_longer_but_the_right_passphrase_gets_in(site: TestClient, clock: Clock) -> None:
    for _ in range(20):
        assert enter(site, passphrase="wrong").status_code == 401
    assert clock.waits[:9] == [0, 0, 0, 1, 2, 4, 8, 16, 16]
    assert enter(site).status_code == 303
    assert clock.waits[-1] <= 16
    enter(site, passphrase="wrong")
    assert clock.waits[-1] == 0, "after the right one it begins anew"


def test_tries_at_the_same_moment_wait_for_each_other_and_then_no_more_are_taken() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    waits = [attempts.schedule("alice", "198.51.100.4").wait_seconds for _ in range(8)]
    assert waits == [0, 0, 0, 1, 3, 7, 15, 31]
    with pytest.raises(TooManyAttemptsError) as refused:
        attempts.schedule("alice", "198.51.100.4")
    clock.now += refused.value.wait_seconds
    assert attempts.schedule("alice", "198.51.100.4").wait_seconds <= MAX_WAIT_SECONDS


def test_names_that_are_tried_one_after_the_other_wait_too() -> None:
    attempts = Attempts(Clock())
    waits = [attempts.schedule(f"name-{number}", "198.51.100.4").wait_seconds for number in range(40)]
    assert waits[:20] == [0] * 20
    assert waits[-1] == 20
    assert attempts.schedule("name-1", "198.51.100.5").wait_seconds == 0


def test_many_names_take_no_more_memory_than_is_meant_for_them() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(50_000):
        clock.now += 2
        attempts.schedule(f"name-{number}", "198.51.100.4")
    assert len(attempts._counts) <= MAX_COUNTS


def test_a_stranger_elsewhere_slows_nobody_down(app: FastAPI, clock: Clock) -> None:
    site = behind_proxies(app, TrustedProxies.parse(["10.0.0.1"], {}))
    stranger, alice = (TestClient(site, client=("10.0.0.1", 1), follow_redirects=False) for _ in range(2))
    for _ in range(12):
        enter(stranger, passphrase="wrong", **{"x-forwarded-for": "203.0.113.66"})
    clock.waits.clear()
    assert enter(alice, **{"x-forwarded-for": "203.0.113.9"}).status_code == 303
    assert clock.waits == [0]


def test_a_made_up_address_evades_no_delay(app: FastAPI, clock: Clock) -> None:
    site = TestClient(behind_proxies(app, TrustedProxies()), client=("127.0.0.1", 1), follow_redirects=False)
    for number in range(10):
        enter(site, passphrase="wrong", **{"x-forwarded-for": f"203.0.113.{number}"})
    assert clock.waits[-1] == 16


def test_a_browser_that_signed_in_before_is_slowed_by_nobody_else(app: FastAPI, clock: Clock) -> None:
    alice, stranger = (TestClient(app, follow_redirects=False) for _ in range(2))
    enter(alice)
    alice.post("/sign-out", headers=SAME_SITE)
    assert DEVICE_COOKIE in alice.cookies
    assert alice.get("/results").status_code == 401, "it opens nothing"
    for _ in range(12):
        enter(stranger, passphrase="wrong")
    clock.waits.clear()
    assert enter(alice).status_code == 303
    assert clock.waits == [0]
    clock.waits.clear()
    for _ in range(9):
        enter(alice, passphrase="wrong")
    assert clock.waits[-1] == 16, "with it guessing is no faster"


def test_a_new_passphrase_ends_what_a_known_browser_may(app: FastAPI, sign_in: SignIn, db: Database) -> None:
    alice = TestClient(app, follow_redirects=False)
    enter(alice)
    cookies = f"{DEVICE_COOKIE}={alice.cookies.get(DEVICE_COOKIE, path=PATH)}".encode()
    request = Request({"type": "http", "headers": [(b"cookie", cookies)], "method": "GET", "path": "/"})
    assert sign_in._device_of("alice", request) is not None
    assert sign_in._device_of("rita", request) is None
    add_admin(db, "alice", "admin", "another good passphrase")
    assert sign_in._device_of("alice", request) is None


def test_refused_tries_are_logged_in_bounded_number_and_without_what_was_typed(site: TestClient, db: Database) -> None:
    for number in range(15):
        enter(site, name=f"{PASSPHRASE} {number}", passphrase="alice")
        enter(site, passphrase=f"wrong {number}")
    logged = refusals(db)
    assert len(logged) == 20
    assert {entry.get("name") for entry in logged} == {None, "alice"}
    assert {entry["reason"] for entry in logged} == {"unknown name", "wrong passphrase"}
    assert PASSPHRASE not in str(logged)


@pytest.mark.parametrize("name", ["alice\x00", "\u202ealice", "x" * 201])
def test_odd_names_are_refused_and_never_shown_back(site: TestClient, name: str) -> None:
    answer = enter(site, name=name)
    assert answer.status_code in (401, 422)
    assert name not in answer.text


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
    assert verify_passphrase(PASSPHRASE, first)
    assert not verify_passphrase(PASSPHRASE + " ", first)
    assert not verify_passphrase("none", "none")
    with pytest.raises(PassphraseError, match="at least 12"):
        hash_passphrase("short")


def test_only_accounts_of_hugging_face_go_without_a_passphrase(db: Database) -> None:
    with pytest.raises(PassphraseError, match="needs a passphrase"):
        add_admin(db, "bob", "admin")


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


def test_an_answer_that_was_not_asked_for_is_refused(space: TestClient) -> None:
    back = space.get("/sign-in/hugging-face/back", params={"code": "c", "state": "forged"})
    assert back.status_code == 400
    assert "Sign-in did not work" in back.text
    assert space.get("/results").status_code == 401
