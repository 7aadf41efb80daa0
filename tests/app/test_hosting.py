"""What keeps a server running asks and tells it, and that nothing asked stops it.

Health, metrics, environment names, proxies, odd values, logs, and the end.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.continue_visitor import ContinueVisitor
from tests.app.nginx import free_port
from tests.app.odd_values import ENCODED, KEYS, NUMBERS, QUEUES, RATE_POSTS, TEXTS, send
from tests.app.split_site import NO_CERTIFICATES, PATIENCE, ROOT, SplitSite, alive, refused_guesses, split_site
from tests.clips import speechlike, write_wav16
from tests.rating_study import add_study, design
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.asgi.client_address import PROXIES_VARIABLE
from undertone.studies.store import Database, StorageLocations, migrate


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[StorageLocations, str]:
    places = StorageLocations.at(tmp_path_factory.mktemp("data"))
    db = Database(places.url, places.events)
    migrate(db)
    number = add_study(db, places.media, design())
    db.close()
    return places, number


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def site(bundle: Path, study: tuple[StorageLocations, str], metrics_port: int) -> Iterator[SplitSite]:
    variables = {"UNDERTONE_METRICS_PORT": str(metrics_port), "UNDERTONE_LOG_FORMAT": "json"}
    variables[PROXIES_VARIABLE] = "127.0.0.1"
    with split_site(bundle, study[0].data, **variables) as running:
        yield running


@pytest.fixture
def metrics(metrics_port: int) -> Any:
    def read() -> dict[str, float]:
        text = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=30, verify=NO_CERTIFICATES).text
        return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)}

    return read


def test_a_server_lives_and_is_ready_while_its_model_loads_and_afterwards(site: SplitSite) -> None:
    alive_answer, ready = site.until("/healthz"), site.until("/readyz")
    assert alive_answer.json() == {"status": "ok"}
    assert ready.json()["studies"] == "open"
    assert ready.json()["model"] in ("loading", "ready")
    site.until("/")
    assert site.get("/readyz").json()["model"] == "ready"


def test_what_the_two_processes_ask_each_other_is_nothing_for_visitors(site: SplitSite) -> None:
    site.until("/")
    for path in ("alive", "metrics", "end"):
        assert site.get(f"/.undertone/{path}").status_code == 404
    assert site.get("/metrics").status_code == 404
    assert site.get("/readyz").json()["model"] == "ready"


def test_requests_ratings_queue_and_steps_are_counted(
    site: SplitSite, metrics: Any, study: tuple[StorageLocations, str], tmp_path: Path
) -> None:
    site.until("/")
    before = metrics()
    with ContinueVisitor(site.url) as visitor:
        visitor.upload(write_wav16(tmp_path / "clip.wav", speechlike(4.0)))
        messages = [message for _, message in visitor.messages_of_continue(seconds=2.0, steps=2)]
    assert messages[-1]["success"]
    with httpx.Client(base_url=f"{site.url}/rate/api", timeout=60) as rater:
        begun = rater.post("/begin", json={"study": study[1], "query": {"PROLIFIC_PID": "5f0ab3c4d5e6"}}).json()
        rater.headers["authorization"] = f"Bearer {begun['token']}"
        view = rater.post("/answer", json={"section": begun["view"]["progress"]["step"], "agree": True}).json()
        trial = view["trial"]
        rater.get(f"/audio/{trial['id']}")
        time.sleep(1)  # as long as a person listens
        played = {"trial": trial["id"], "listened": [[0.0, 0.4]], "plays": 1, "hidden_seconds": 0.0}
        given = {**played, "scale": "naturalness", "value": 3, "nonce": "0123456789"}
        answer = rater.post("/rating", json=given)
        assert answer.status_code == 200, answer.text
    after = metrics()
    grown = {name for name, value in after.items() if value > before.get(name, 0.0)}
    assert 'undertone_ratings_total{kind="study"}' in grown
    assert 'undertone_requests_total{method="POST",part="rate",status="2xx"}' in grown
    assert "undertone_step_seconds_count" in grown
    assert "undertone_first_sound_seconds_count" in grown
    assert after['undertone_queue_events{state="waiting"}'] == 0.0
    assert after['undertone_model_state{state="ready"}'] == 1.0
    assert {"undertone_errors_total", "undertone_model_errors_total"} <= set(after)
    names = " ".join(after)
    for private in ("5f0ab3c4d5e6", study[1], "127.0.0.1", visitor.session):
        assert private not in names


@pytest.mark.parametrize("value", [*NUMBERS, *TEXTS], ids=lambda value: value[:10])
def test_no_value_in_a_body_is_an_internal_error(site: SplitSite, value: str) -> None:
    site.until("/")
    site.until("/results/", 303)  # Results is built behind the raters' pages
    bodies = [value, f"[{value}]", "{" + ", ".join(f'"{key}": {value}' for key in KEYS) + "}"]
    bodies.append(f'{{"data": [{value}], "fn_index": {value}, "session_hash": {value}}}')
    for path in (*(f"/rate/api/{name}" for name in RATE_POSTS), *QUEUES):
        for body in bodies:
            answer = send(site, "POST", path, body.encode())
            assert answer.status_code < 500, (path, body[:60], answer.text[:200])


@pytest.mark.parametrize("value", ENCODED)
def test_no_value_in_a_path_query_or_form_is_an_internal_error(site: SplitSite, value: str) -> None:
    site.until("/")
    paths = [f"/rate/{value}", f"/rate/api/audio/{value}", f"/results/{value}", f"/sign-in/{value}", f"/{value}"]
    paths += [f"{path}?{key}={value}" for path in ("/rate", "/sign-in", "/results/", "/") for key in ("next", "study")]
    for path in paths:
        answer = send(site, "GET", path)
        assert answer.status_code < 500, (path[:60], answer.text[:200])
    form = f"name={value}&passphrase={value}&next={value}".encode()
    answer = send(site, "POST", "/sign-in", form, "application/x-www-form-urlencoded")
    assert answer.status_code < 500, answer.text[:200]


def test_a_forwarded_host_comes_back_in_no_configuration(site: SplitSite) -> None:
    site.until("/")
    forwarded = {
        "x-forwarded-host": "evil.example",
        "forwarded": "host=evil.example",
        "x-forwarded-server": "evil.example",
    }
    answer = site.get("/config", headers=forwarded)
    assert (answer.status_code, "components" in answer.json()) == (200, True)
    for path in ("/config", "/", "/prosody/", "/sign-in", "/rate", "/prosody/config"):
        assert "evil.example" not in site.get(path, headers=forwarded).text, path


def test_visitors_of_a_proxy_that_the_environment_names_are_told_apart(site: SplitSite) -> None:
    assert refused_guesses(site) == 0


def test_a_termination_ends_a_run_with_a_word_and_the_server_soon_with_few_lines(
    site: SplitSite, tmp_path: Path
) -> None:
    site.until("/")
    site.until("/results/", 303)
    playground, logged = site.playground(), len(site.log)
    with ContinueVisitor(site.url) as visitor:
        visitor.upload(write_wav16(tmp_path / "clip.wav", speechlike(4.0)))
        said: list[dict[str, Any]] = []

        def listen() -> None:
            longest = float(visitor.maximum[visitor.names["seconds"]])
            for _, message in visitor.messages_of_continue(seconds=longest, steps=100):
                said.append(message)  # one by one, as the other thread looks

        listening = threading.Thread(target=listen)
        listening.start()
        end = time.monotonic() + PATIENCE
        while not any(message["msg"] == "process_generating" for message in said):
            assert time.monotonic() < end
            time.sleep(0.05)
        began = time.monotonic()
        site.server.send_signal(signal.SIGTERM)
        assert site.server.wait(timeout=60) == 0
        assert time.monotonic() - began < 20
        listening.join(timeout=30)
    assert not alive(playground)
    last = json.dumps(said[-1])
    assert said[-1]["msg"] == "process_completed", last[:500]
    assert said[-1]["success"]
    assert "being restarted" in json.dumps(said)
    assert "/" + "tmp" not in last
    assert "Traceback" not in last
    lines = site.log[logged:]
    assert len(lines) <= 10, "".join(lines)


def test_every_line_of_the_log_is_an_object_without_values(site: SplitSite) -> None:
    """Of the whole life of the server above, its loading and its end."""
    assert site.server.poll() is not None
    for line in site.log:
        assert {"level", "logger", "message", "process", "time"} <= set(json.loads(line)), line
        assert "5f0ab3c4d5e6" not in line


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user without a name")
def test_a_user_without_a_home_is_told_to_name_a_folder(tmp_path: Path) -> None:
    code = "import os; from undertone.studies.store import StorageLocations as Own; os.setuid(54321); Own.default()"
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "UNDERTONE_DATA")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "StoreError: this user has no home" in done.stderr
    assert "--data or UNDERTONE_DATA" in done.stderr
