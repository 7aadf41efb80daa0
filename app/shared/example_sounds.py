"""Buttons with which the example clips can be heard before one is chosen."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.shared.widgets import EVERY, scripted_html

_TEMPLATE = '<div><div class="example-buttons" role="group" aria-label="Hear the examples"></div></div>'


def build_example_sounds(names: Sequence[str], elem_id: str) -> gr.HTML:
    """Build the row of buttons; its value is from `example_sound`, its `select` event carries the example's place."""
    return scripted_html(
        _TEMPLATE,
        Path(__file__).with_name("example_sounds.js"),
        value={"names": list(names), "place": None, "sound": None},
        visible=bool(names),
        elem_id=elem_id,
    )


def bind_example_sounds(sounds: gr.HTML, names: Sequence[str], examples: Sequence[Path]) -> None:
    """Bind the buttons: an example's sound is sent when it is asked for."""

    def send(event: gr.EventData) -> Any:
        return example_sound(names, examples, getattr(event, "place", None))

    sounds.select(send, None, sounds, **EVERY)


def example_sound(names: Sequence[str], examples: Sequence[Path], place: Any) -> Any:
    """Return the value with the sound of the example at a place; nothing changes where there is none."""
    if not isinstance(place, int) or place not in range(len(examples)):
        return gr.skip()
    return {"names": list(names), "place": place, "sound": wav_url(examples[place].read_bytes())}


def wav_url(wav: bytes) -> str:
    """Return the data URL of a wav file."""
    return f"data:audio/wav;base64,{base64.b64encode(wav).decode('ascii')}"
