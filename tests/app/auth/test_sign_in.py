"""Only the people in the database come in, readers change nothing, and every step is in the audit log."""

import gradio as gr
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from tests.app.auth.site import PASSPHRASE, SAME_SITE, Clock, enter, kinds, refusals
from undertone.app.asgi.client_address import TrustedProxies, behind_proxies
from undertone.app.auth.passphrases import add_admin
from undertone.app.auth.sign_in import COOKIE, DEVICE_COOKIE, PATH, SignIn, local_path
from undertone.app.auth.sign_in_page import sign_in_router
from undertone.studies.store import Database
from undertone.studies.store.tables import AdminUser


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
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_signing_in_never_leads_to_another_site(site: TestClient, path: str) -> None:
    assert local_path(path) == "/results"
    assert enter(site, next=path).headers["location"] == "/results"
