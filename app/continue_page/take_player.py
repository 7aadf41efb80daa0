"""The line between prompt and continuation in a take's player, and the button that jumps there."""

from pathlib import Path
from typing import Any

import gradio as gr

from undertone.engine import Take
from undertone.engine.config import SAMPLE_RATE_HZ

_TEMPLATE = """
<div class="take-listen">
  <button type="button" class="take-jump">Hear from the continuation</button>
  <span class="take-boundary-words"></span>
  <span class="tools take-own">
    <button type="button" class="take-keep">Keep in this browser</button>
    <button type="button" class="take-link">Copy a link</button>
  </span>
</div>
"""


def build_boundary(number: int) -> gr.HTML:
    """Build the widget of take `number`, inside its card; its value is from `boundary_value`."""
    return gr.HTML(
        value=None,
        html_template=_TEMPLATE,
        js_on_load=Path(__file__).with_name("take_player.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=f"take-{number}-boundary",
    )


def boundary_value(take: Take, name: str) -> dict[str, Any]:
    """Return where in the take's sound the continuation begins, in seconds, and the settings that make it again.

    Args:
        name: under which the page's scripts know the take.
    """
    return {
        "take": name,
        "boundary": take.prompt_samples / SAMPLE_RATE_HZ,
        "seconds": len(take.audio) / SAMPLE_RATE_HZ,
        "seed": take.settings.seed + take.settings.index,
        "settings": take.settings.model_dump_json(),
    }
