"""The server's two processes: what one may do, and what is left when the other hangs, dies or is told to end."""

import contextlib
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.app.split_site import (
    BROWSER,
    GUESSES,
    NO_CERTIFICATES,
    PATIENCE,
    SplitSite,
    alive,
    refused_guesses,
    split_site,
)
from tests.hub_stand_in import TOKEN, hub_stand_in
from tests.rating_study import add_study, design
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.auth.passphrases import add_admin
from undertone.app.server import landlock
from undertone.studies.store import Database, StorageLocations, migrate

PASSPHRASE = "four words will do"
SECRET = "a key that is long enough for everybody"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of `site` puts its temporary files."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[StorageLocations, str]:
    """An open study and an admin."""
    places = StorageLocations.at(tmp_path_factory.mktemp("data"))
    db = Database(places.url, places.events)
    migrate(db)
    add_admin(db, "ada", "admin", PASSPHRASE)
    number = add_study(db, places.media, design())
    db.close()
    return places, number


@pytest.fixture(scope="module")
def site(bundle: Path, study: tuple[StorageLocations, str], temporary: Path) -> Iterator[SplitSite]:
    """A server that keeps copies of its studies on a Hub, which does not answer."""
    with hub_stand_in() as hub:
        hub.answers.clear()
        given = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
        given |= {"UNDERTONE_BACKUP_REPO": "ada/ratings", "UNDERTONE_SECRET": SECRET}
        with split_site(bundle, study[0].data, temporary, **given) as running:
            running.until("/")
            running.until("/results/", 303)
            yield running
        hub.answers.set()


@contextmanager
def sign_in(site: SplitSite) -> Iterator[httpx.Client]:
    headers = {"origin": site.url}
    with httpx.Client(base_url=site.url, timeout=60, headers=headers, verify=NO_CERTIFICATES) as client:
        form = {"name": "ada", "passphrase": PASSPHRASE, "next": "/results"}
        assert client.post("/sign-in", data=form).status_code == 303
        yield client


def test_one_line_is_printed_soon_and_raters_are_answered_while_the_model_still_loads(
    bundle: Path, tmp_path: Path
) -> None:
    began = time.monotonic()
    with split_site(bundle, tmp_path / "data") as fresh:
        seconds = time.monotonic() - began
        assert fresh.get("/rate/some-study").status_code == 200
        waiting = fresh.get("/", headers=BROWSER)
        assert waiting.status_code in (200, 503)
        if waiting.status_code == 503:
            assert "loading" in waiting.text
            assert waiting.headers["retry-after"]
            assert waiting.headers["refresh"]
        process = fresh.playground()
        fresh.server.kill()
        fresh.server.wait(timeout=20)
        end = time.monotonic() + PATIENCE
        while alive(process):  # ended by the kernel, as nobody was left to end it
            assert time.monotonic() < end
            time.sleep(0.05)
    assert seconds < 60  # 1 s on an idle machine; tests may share it


def test_every_page_comes_from_its_process(site: SplitSite) -> None:
    for path in ("/", "/prosody", "/rate/x", "/sign-in", "/rate/x/"):
        answer = site.get(path, headers=BROWSER, follow_redirects=True)
        assert answer.status_code == 200, path
    assert "gradio_config" in site.get("/prosody/").text
    assert "Results" in site.get("/config").text
    assert site.get("/nothing", headers=BROWSER).text.count("<h1>") == 1
    with sign_in(site) as client:
        assert client.get("/results", headers=BROWSER, follow_redirects=True).text.count("gradio_config")


def test_the_playground_has_neither_the_secret_nor_the_studies(site: SplitSite) -> None:
    environment = Path(f"/proc/{site.playground()}/environ").read_bytes()
    assert SECRET.encode() not in environment
    assert TOKEN.encode() not in environment
    assert str(site.data).encode() not in environment


@pytest.mark.skipif(landlock.version() < 1, reason="this kernel has no Landlock")
def test_the_playground_runs_without_privileges_to_gain(site: SplitSite) -> None:
    status = Path(f"/proc/{site.playground()}/status").read_text()
    assert "NoNewPrivs:\t1" in status


def test_the_sign_in_never_reaches_the_playground_and_nothing_of_a_visitor_is_believed(site: SplitSite) -> None:
    """What arrives there would be seen in `/config`: Gradio makes its root of host and protocol, if it is given any."""
    answer = site.get("/config", headers={"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"})
    assert "evil.example" not in answer.text
    assert answer.json()["root"] == "/"


def test_a_playground_that_hangs_leaves_raters_and_results_answering(site: SplitSite) -> None:
    process = site.playground()
    os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(httpx.TimeoutException):
            httpx.get(site.url + "/config", timeout=2)
        for _ in range(5):
            assert site.get("/rate/x").status_code == 200
        with sign_in(site) as client:
            assert client.get("/results/", headers=BROWSER).status_code == 200
            assert client.get("/results/config").status_code == 200
    finally:
        os.kill(process, signal.SIGCONT)
    site.until("/")


def test_many_hanging_requests_to_the_playground_do_not_use_up_what_raters_need(site: SplitSite) -> None:
    process = site.playground()
    os.kill(process, signal.SIGSTOP)
    address = (site.url.split("//")[1].split(":")[0], int(site.url.rsplit(":", 1)[1]))
    hanging = []
    try:
        for _ in range(150):
            connection = socket.create_connection(address)
            # All are answered later: that there is no such page takes little time, `/config` takes all of them 10 s.
            connection.sendall(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n")
            hanging.append(connection)
        began = time.monotonic()
        assert site.get("/rate/x").status_code == 200
        assert time.monotonic() - began < 10
    finally:
        os.kill(process, signal.SIGCONT)
        for connection in hanging:
            connection.close()
    site.until("/")


def test_a_playground_that_dies_is_started_again_and_the_others_answer_meanwhile(site: SplitSite) -> None:
    process = site.playground()
    os.kill(process, signal.SIGKILL)
    site.until("/", 503)
    assert site.get("/rate/x").status_code == 200
    site.until("/")
    assert site.playground() != process


def test_from_loopback_a_made_up_address_evades_no_limit(site: SplitSite) -> None:
    assert refused_guesses(site) >= GUESSES - 21
    page = site.get("/sign-in", headers={"x-forwarded-proto": "https", "x-forwarded-host": "evil.example"})
    assert "evil.example" not in page.text


@dataclass(frozen=True)
class End:
    """How a server ended that was told to, while a page was open, a rater was sending and the Hub said nothing."""

    waited: bool  # for the rater
    answer: httpx.Response  # to the rater
    status: int
    seconds: float
    playground: int
    log: str


@pytest.fixture(scope="module")
def end(site: SplitSite, study: tuple[StorageLocations, str]) -> End:
    """Of the server above: this is for the last tests."""
    process = site.playground()
    stream = httpx.stream("GET", f"{site.url}/gradio_api/heartbeat/abc", timeout=30, verify=NO_CERTIFICATES)
    with stream as beats, ThreadPoolExecutor(1) as pool:
        next(beats.iter_raw())
        database = sqlite3.connect(study[0].data / "studies.sqlite", isolation_level=None)
        with contextlib.closing(database) as other:
            other.execute("BEGIN IMMEDIATE")
            body = {"study": study[1], "query": {}}
            answer = pool.submit(lambda: httpx.post(f"{site.url}/rate/api/begin", json=body, timeout=60))
            time.sleep(2)
            began = time.monotonic()
            site.server.send_signal(signal.SIGTERM)
            time.sleep(1)
            waited = not answer.done()
            other.execute("ROLLBACK")
            answered = answer.result()
        status = site.server.wait(timeout=40)
        seconds = time.monotonic() - began
    time.sleep(0.2)  # its last words
    return End(waited, answered, status, seconds, process, "".join(site.log))


def test_the_end_is_quiet_and_leaves_nothing(end: End, temporary: Path) -> None:
    assert end.status == 0
    assert not alive(end.playground)
    assert "Traceback" not in end.log
    assert not list(temporary.glob("undertone-*"))


def test_what_a_rater_is_sending_is_finished_before_the_end(end: End) -> None:
    assert end.waited
    assert end.answer.status_code == 200


def test_a_hub_that_does_not_answer_does_not_hold_up_the_end(end: End) -> None:
    assert end.seconds < 20
    assert "broken off" in end.log
