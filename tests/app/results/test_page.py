"""The Results page on a server: nothing without sign-in, and a reader who calls every handler changes nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from tests.app.results.rows import kinds, ratings_of, status_of
from tests.judged_study import PANEL_ID, SECRET_ANSWER
from tests.results_site import PASSPHRASE, READER, results_app
from undertone.studies.store import Database, StorageLocations


def test_without_sign_in_nothing_of_the_page_is_served(site: Callable[[str | None], TestClient]) -> None:
    nobody = site(None)
    assert nobody.get("/results/", headers={"accept": "text/html"}).status_code == 303
    for path in ("/results/config", "/results/gradio_api/info", "/results/gradio_api/file=/etc/hostname"):
        assert nobody.get(path).status_code == 401, path
    assert nobody.post("/results/gradio_api/queue/join", json=call(0, [])).status_code == 401


def call(number: int, data: list[Any]) -> dict[str, Any]:
    return {"fn_index": number, "data": data, "session_hash": "abc", "trigger_id": None, "event_data": None}


@pytest.fixture
def served(db: Database, places: StorageLocations) -> Iterator[str]:
    """The site on a port: Gradio's queue needs a running server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(results_app(db, places), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=60)


def answer_of(client: httpx.Client, event: dict[str, Any], data: list[Any]) -> str:
    """What a handler answers to somebody who calls it without the page, through the queue where it has one."""
    body = call(event["id"], data)
    if event["queue"] is False:
        return client.post("/results/gradio_api/run/predict", json=body).text
    joined = client.post("/results/gradio_api/queue/join", json=body)
    assert joined.status_code == 200, joined.text
    with client.stream("GET", "/results/gradio_api/queue/data", params={"session_hash": "abc"}) as stream:
        return next(line for line in stream.iter_lines() if "process_completed" in line)


def test_a_reader_who_calls_every_handler_changes_nothing(served: str, db: Database, places: StorageLocations) -> None:
    with httpx.Client(base_url=served, timeout=120) as client:
        form = {"name": READER, "passphrase": PASSPHRASE, "next": "/results"}
        client.post("/sign-in", data=form, headers={"sec-fetch-site": "same-origin"})
        config = client.get("/results/config").json()
        before = (ratings_of(db), status_of(db), len(kinds(db)))
        given = {"dropdown": "judged", "textbox": PANEL_ID, "checkbox": True, "radio": "naturalness", "number": 1}
        kind_of = {component["id"]: component["type"] for component in config["components"]}
        template = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "results-template")
        events = [event for event in config["dependencies"] if event["backend_fn"]]
        study = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "results-study")
        (renewing,) = [event for event in events if study in event["outputs"]]
        answer_of(client, renewing, [None])  # tells the session which studies there are to choose from
        answers = []
        for event in events:
            data = ["paper" if number == template else given.get(kind_of[number]) for number in event["inputs"]]
            answers.append(answer_of(client, event, data))
    refused = [answer for answer in answers if "may look but not change" in answer]
    # build, open, pause, close and its question, export, save, withdraw, snapshot, restore;
    # of people: check, show, list, forget
    assert len(refused) == 16
    assert (ratings_of(db), status_of(db)) == before[:2]
    assert kinds(db)[before[2] :] == ["study.reported"], "a report is all that a reader can make"
    assert not places.backups.exists()
    assert [path.name for path in (places.data / "downloads").rglob("*.*")] == ["judged-report.html"]
    assert not [answer for answer in answers if PANEL_ID in answer.replace(f'"{PANEL_ID}"', "")]
    assert not any(SECRET_ANSWER in answer for answer in answers)
    assert not any("sections:" in answer for answer in answers), "templates are for admins"
