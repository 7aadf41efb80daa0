"""A button that makes a file says what failed."""

from pathlib import Path
from typing import Any

import gradio as gr

from tests.app.results.requests import request_of
from tests.results_site import READER
from undertone.app.results.access import ResultsAccess
from undertone.app.results.file_button import bind_file_button


def test_a_file_that_cannot_be_made_leaves_no_word_of_an_earlier_one(access: ResultsAccess) -> None:
    def broken(*_: Any) -> Path:
        raise RuntimeError("a defect")

    with gr.Blocks() as page:
        button, study, note = gr.Button(), gr.Dropdown(["judged"]), gr.HTML()
        bind_file_button(access, button, study, note, broken, "reader")
    (event,) = page.fns.values()
    said = list(event.fn("judged", request_of(access, READER)))  # type: ignore[misc]
    assert "Making the file" in said[0]
    assert "could not be made" in said[-1]
    assert not [text for text in said if "ready" in text or "a defect" in text]
    assert "Choose a study first" in list(event.fn(None, request_of(access, READER)))[-1]  # type: ignore[misc]
    assert "Sign in" in list(event.fn("judged", request_of(access, None)))[-1]  # type: ignore[misc]
