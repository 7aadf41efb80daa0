"""What the playground may ask of the process with the studies, over a real socket, and all that it may not."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from starlette.requests import Request

from undertone.app.auth.passphrases import add_admin
from undertone.app.auth.sign_in import COOKIE
from undertone.app.auth.tickets import TICKET_HEADER, Tickets, sets_sign_in_cookie, without_sign_in
from undertone.app.server.front import _PrivateServer
from undertone.app.server.studies_client import StudiesClient
from undertone.app.server.studies_socket import studies_socket_app
from undertone.app.shared.shared_prompts import SharedPrompts, prompt_name
from undertone.app.shared.take_feedback import SignInNeededError
from undertone.app.site.studies_site import StudiesSite
from undertone.engine.errors import UndertoneError
from undertone.engine.generation.sampling import Sampling
from undertone.engine.generation.take_settings import TakeSettings
from undertone.studies.build.takes import TakeSound
from undertone.studies.store import Database, StorageLocations, migrate
from undertone.studies.store.studies import study_names
from undertone.studies.store.tables import CasualRating

PASSPHRASE = "four words will do"


def settings(seed: int = 1) -> TakeSettings:
    return TakeSettings(
        torch_version="2", device="cpu", dtype="float32", threads=1, bundle_name="tiny", bundle_sha256="0" * 64,
        prompt_sha256="1" * 64, frames_sha256="2" * 64, prompt_start_seconds=0, prompt_end_seconds=3, prompt_frames=150,
        seconds=1, sampling=Sampling(), seed=seed, num_takes=1, index=0,
    )  # fmt: skip


def take(seed: int = 1, seconds: float = 1.0) -> TakeSound:
    samples = np.zeros(int(16_000 * seconds), "<f4").tobytes()
    return TakeSound(settings(seed), samples, 8000)


@dataclass(frozen=True)
class Link:
    studies_site: StudiesSite
    tickets: Tickets
    client: StudiesClient
    path: Path

    def cookie_of(self, name: str) -> str:
        from fastapi import FastAPI

        app = FastAPI()
        self.studies_site.add_to(app)
        site = TestClient(app, follow_redirects=False)
        form = {"name": name, "passphrase": PASSPHRASE, "next": "/results"}
        site.post("/sign-in", data=form, headers={"origin": "http://testserver"})
        return f"{COOKIE}={site.cookies[COOKIE]}"

    def request_of(self, name: str) -> Request:
        ticket = self.tickets.issue(self.cookie_of(name).encode())
        assert ticket is not None
        return with_ticket(ticket)

    def raw(self, path: str, **more: object) -> httpx.Response:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.path)), timeout=30) as client:
            return client.post(f"http://studies{path}", **more)  # type: ignore[arg-type]


def with_ticket(ticket: bytes) -> Request:
    return Request({"type": "http", "method": "POST", "path": "/", "headers": [(TICKET_HEADER, ticket)]})


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    places = StorageLocations.at(tmp_path / "data")
    db = Database(places.url, places.events)
    migrate(db)
    add_admin(db, "ada", "admin", PASSPHRASE)
    add_admin(db, "rita", "reader", PASSPHRASE)
    studies_site, tickets = StudiesSite.open(db, places, tmp_path / "downloads"), Tickets()
    path = tmp_path / "s"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        listener.listen(8)
        config = uvicorn.Config(
            studies_socket_app(studies_site, tickets, SharedPrompts(tmp_path / "prompts")),
            http="h11",
            lifespan="off",
            log_level="error",
        )
        server = _PrivateServer(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        yield Link(studies_site, tickets, StudiesClient(path), path)
        server.should_exit = True
        thread.join(timeout=20)
    db.close()


def test_a_quick_rating_arrives(link: Link) -> None:
    link.client.rate_quickly(settings(), "naturalness", 4.0, "a visitor")
    with link.studies_site.db.reading() as transaction:
        (row,) = transaction.scalars(select(CasualRating)).all()
    assert row.value == 4.0
    assert "a visitor" not in str(row.visitor_hash)


@pytest.mark.parametrize(("scale", "value"), [("unknown", 3.0), ("naturalness", 77.0)])
def test_a_rating_that_is_none_is_refused_in_words(link: Link, scale: str, value: float) -> None:
    with pytest.raises(UndertoneError, match=r"unknown scale|is not an answer"):
        link.client.rate_quickly(settings(), scale, value, None)


@pytest.mark.parametrize(("who", "made"), [("ada", True), ("rita", False)])
def test_only_an_admin_s_ticket_makes_a_draft(link: Link, who: str, made: bool) -> None:
    request = link.request_of(who)
    with contextlib.nullcontext() if made else pytest.raises(SignInNeededError):
        assert link.client.draft([take(1), take(2)], "first-study", request) == "first-study"
    assert study_names(link.studies_site.db) == (["first-study"] if made else [])
    if made:
        sounds = sorted(path.name for path in (link.studies_site.places.data / "drafts").rglob("*.wav"))
        assert sounds == ["take-1.wav", "take-1.wav", "take-2.wav", "take-2.wav"]


def test_a_ticket_is_no_cookie_and_a_cookie_no_ticket(link: Link) -> None:
    cookie = link.cookie_of("ada")
    ticket = link.tickets.issue(f"other=1; {cookie}".encode())
    assert ticket is not None
    assert cookie.encode() not in ticket
    for wrong in (
        cookie.encode(),
        cookie.split("=", 1)[1].encode(),
        Tickets().issue(cookie.encode()),
        b"x",
        ticket[:-4],
    ):
        with pytest.raises(SignInNeededError):
            link.client.draft([take(1), take(2)], "first-study", with_ticket(wrong or b""))
    assert link.tickets.issue(b"other=1; another=2") is None
    assert study_names(link.studies_site.db) == []


@pytest.mark.parametrize("name", ["../../etc", "A B", "", "x" * 65, "study\0"])
def test_a_draft_s_name_leads_nowhere(link: Link, name: str) -> None:
    with pytest.raises(UndertoneError, match="cannot name a study"):
        link.client.draft([take(1), take(2)], name, link.request_of("ada"))


def test_what_is_no_message_is_refused_and_leaves_nothing(link: Link) -> None:
    given = {"settings": settings().model_dump(mode="json"), "scale": "naturalness", "value": 4.0}
    for wrong in (
        {}, [], {**given, "value": "NaN"}, {**given, "value": 1e400}, {**given, "path": "/etc/passwd"},
        {**given, "settings": {}}, {**given, "scale": "x" * 100}, {**given, "visitor": "x" * 1000},
    ):  # fmt: skip
        answer = link.raw("/quick-rating", content=json.dumps(wrong).encode())
        assert answer.status_code == 422, wrong
    ticket = link.tickets.issue(link.cookie_of("ada").encode())
    assert ticket is not None
    one = {"settings": given["settings"], "samples": "AAAAAA==", "prompt_samples": 1}
    for wrong_take in (
        {**one, "samples": "AAA="},
        {**one, "samples": ""},
        {**one, "samples": "AADAfw=="},
        {**one, "x": 1},
    ):
        body = {"name": "first-study", "ticket": ticket.decode(), "takes": [one, wrong_take]}
        assert link.raw("/draft", json=body).status_code == 422, wrong_take
    for path in ("/", "/rate/api/begin", "/sign-in", "/results", "/docs", "/openapi.json"):
        assert link.raw(path).status_code == 404
    with link.studies_site.db.reading() as transaction:
        assert transaction.scalar(select(func.count()).select_from(CasualRating)) == 0
    assert study_names(link.studies_site.db) == []


def test_a_shared_prompt_comes_back_to_the_bit_and_goes_with_its_key(link: Link) -> None:
    samples = np.linspace(-1, 1, 1601).astype("<f4").tobytes()
    key = link.client.share_prompt(samples)
    assert link.client.fetch_prompt(prompt_name(key)) == samples
    assert link.client.fetch_prompt("a" * 32) is None
    assert link.client.fetch_prompt("../../etc/passwd") is None
    assert link.client.withdraw_prompt(key)
    assert not link.client.withdraw_prompt(key)
    assert link.client.fetch_prompt(prompt_name(key)) is None


def test_no_file_but_a_prompt_is_shared_or_fetched(link: Link) -> None:
    for samples in ("", "AAA=", "AADAfw==", "x", 7):
        assert link.raw("/share-prompt", json={"samples": samples}).status_code == 422, samples
    for word in ("", "../" * 10 + "ab", "a" * 31, "a" * 33, None):
        for path in ("/fetch-prompt", "/withdraw-prompt"):
            assert link.raw(path, json={"word": word}).status_code == 422, word
    with pytest.raises(UndertoneError, match="cannot be shared"):
        link.client.share_prompt(np.full(8, np.nan, "<f4").tobytes())


def test_a_server_that_is_gone_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(UndertoneError, match="do not answer"):
        StudiesClient(tmp_path / "nothing").rate_quickly(settings(), "naturalness", 4.0, None)


def test_the_cookies_of_signing_in_are_neither_passed_on_nor_set() -> None:
    assert without_sign_in(f"a=1; {COOKIE}=x;undertone_oauth=y; b=2".encode()) == b"a=1; b=2"
    assert sets_sign_in_cookie(f"{COOKIE}=forged; Path=/".encode())
    assert not sets_sign_in_cookie(b"visitor=1; Path=/")
