"""Errors reach a visitor in words: ours as they are, all others as a sentence with a number that stands in the log."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from undertone.app.guard.mount import mount_page
from undertone.app.guard.visitors import Visitors
from undertone.engine import AudioError

LEAK = "/srv/undertone/secret of 1234"


def known() -> str:
    raise AudioError("the recording is silent. Speak closer to the microphone.")


def told() -> str:
    raise gr.Error("Choose a study first.")


def unknown() -> str:
    raise RuntimeError(LEAK)


def unknown_later() -> Iterator[str]:
    yield "begun"
    raise RuntimeError(LEAK)


def known_later() -> Iterator[str]:
    yield "begun"
    known()


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with gr.Blocks() as blocks:
        out = gr.Textbox()
        choice = gr.Radio(["a", "b"])
        number = gr.Slider(0, 10)
        for function in (known, told, unknown):
            gr.Button().click(function, None, out, queue=False)
        for function in (known, unknown, known_later, unknown_later):
            gr.Button().click(function, None, out)
        gr.Button().click(lambda choice, number: choice, [choice, number], out, queue=False)
        gr.Button().click(lambda choice, number: choice, [choice, number], out)
    blocks.queue(api_open=False)
    app = FastAPI()
    mount_page(app, blocks, "/", Visitors(tmp_path))
    with TestClient(app) as client:
        client.get("/")
        yield client


def called(client: TestClient, number: int, *data: object) -> str:
    body = {"fn_index": number, "data": [*data], "session_hash": "page"}
    return client.post("/gradio_api/run/predict", json=body).json()["error"]


def queued(client: TestClient, number: int, *data: object) -> str:
    body = {"fn_index": number, "data": [*data], "session_hash": "page"}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    with client.stream("GET", "/gradio_api/queue/data?session_hash=page") as stream:
        return next(line for line in stream.iter_lines() if "process_completed" in line)


def test_words_for_people_arrive_as_they_are(client: TestClient) -> None:
    assert called(client, 0) == "the recording is silent. Speak closer to the microphone."
    assert called(client, 1) == "Choose a study first."
    assert "Speak closer to the microphone." in queued(client, 3)
    assert "Speak closer to the microphone." in queued(client, 5)


def test_all_other_errors_are_a_number_that_stands_in_the_log(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        for answer in (called(client, 2), queued(client, 4), queued(client, 6)):
            found = re.search(r"the number ([0-9a-f]{8})\.", answer)
            assert found, answer
            assert found[1] in caplog.text
            assert "secret" not in answer
            assert "RuntimeError" not in answer


def test_what_gradio_itself_refuses_is_not_quoted(client: TestClient) -> None:
    for answer in (called(client, 7, "not-a-choice", 1), queued(client, 8, "not-a-choice", 1)):
        assert "not-a-choice" not in answer
        assert "Something went wrong" in answer
    for answer in (called(client, 7, "a", 1e9), queued(client, 8, "a", "ten")):
        assert "1000000000" not in answer
        assert "ten'" not in answer
