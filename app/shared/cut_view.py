"""The waveform of a visitor's clip with the cut marked on it, drawn and dragged in the browser."""

from pathlib import Path
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from undertone.app.shared.widgets import scripted_html

NUM_PEAKS = 240

_TEMPLATE = """
<div class="cut-view">
  <svg class="cut-surface" viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">
    <rect class="cut-selection" y="0" height="100" x="0" width="0"></rect>
    <path class="cut-wave"></path>
  </svg>
  <div class="cut-bar">
    <span class="cut-caption" role="status"></span>
    <button type="button" class="cut-play">Play the prompt</button>
  </div>
</div>
"""


def follow_sliders_js(view_id: str) -> str:
    """Return the script that makes the picture follow a moved slider without asking the server."""
    return f"""(start, length) => {{
  document.dispatchEvent(new CustomEvent('undertone:cut', {{ detail: [start, length, '{view_id}'] }}));
}}"""


def cut_view(view_id: str) -> gr.HTML:
    """Build the widget; its value is from `cut_value`, its `select` event carries `start` and `length` in seconds."""
    return scripted_html(
        _TEMPLATE,
        Path(__file__).with_name("cut_view.js"),
        elem_id=view_id,
    )


def cut_value(
    waveform: Tensor, seconds: float, url: str, start: float, length: float, limits: tuple[float, float], noun: str
) -> dict[str, Any]:
    """Return what the browser draws: the waveform's peaks, where the sound can be heard, and the first cut.

    Args:
        waveform: [samples] at any rate.
        limits: shortest and longest cut in seconds.
        noun: what the cut is called, "prompt".
    """
    return {
        "url": url,
        "seconds": round(seconds, 3),
        "peaks": peaks(waveform),
        "start": start,
        "length": length,
        "min_length": limits[0],
        "max_length": limits[1],
        "noun": noun,
    }


def peaks(waveform: Tensor, count: int = NUM_PEAKS) -> list[int]:
    """Return the greatest amplitude of each of at most `count` stretches of [samples], 127 for the loudest."""
    if len(waveform) == 0:
        return []
    stretch = -(-len(waveform) // count)
    padded = torch.nn.functional.pad(waveform.nan_to_num(0, 0, 0).abs(), (0, -len(waveform) % stretch))
    values = padded.view(-1, stretch).amax(dim=1)
    return [int(value) for value in (127 * values / values.max().clamp_min(1e-9)).round()]
