"""Examples are heard before one is chosen, and no other file can be asked for."""

import base64
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from undertone.app.shared.example_sounds import example_sound


def test_the_sound_that_is_sent_is_the_examples_file(clip_path: Path) -> None:
    value = example_sound(["A voice"], [clip_path], 0)
    assert value["place"] == 0
    assert base64.b64decode(value["sound"].partition(",")[2]) == clip_path.read_bytes()


@pytest.mark.parametrize("place", [1, -1, None, "0", 0.0, "../../etc/passwd", [0]])
def test_anything_but_the_place_of_an_example_changes_nothing(clip_path: Path, place: Any) -> None:
    assert example_sound(["A voice"], [clip_path], place) == gr.skip()
