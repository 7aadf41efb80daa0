"""The line between prompt and continuation in a take's player, the button that jumps there, and what a link has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.shared.shared_prompts import KEPT_DAYS, prompt_name
from undertone.app.shared.widgets import scripted_html
from undertone.engine import Take, TakeSettings
from undertone.engine.config import SAMPLE_RATE_HZ

_TEMPLATE = """
<div class="take-listen">
  <button type="button" class="take-jump">Hear from the continuation</button>
  <span class="take-boundary-words"></span>
  <span class="tools take-own">
    <button type="button" class="take-keep">Keep in this browser</button>
    <button type="button" class="take-link">Copy a link</button>
  </span>
  <div class="take-sharing" hidden>
    <label><input type="checkbox" class="take-share"> The link has the prompt too</label>
    <span class="hint take-share-words"></span>
    <span class="take-share-said" role="status"></span>
  </div>
</div>
"""


@dataclass(frozen=True)
class LinkedPrompt:
    """The prompt that a link may have.

    Attributes:
        num_samples: at 16 kHz.
        key: that withdraws it; None until the visitor has shared it.
    """

    num_samples: int
    key: str | None = None

    @property
    def seconds(self) -> float:
        return self.num_samples / SAMPLE_RATE_HZ

    def settings(self, settings: TakeSettings) -> TakeSettings:
        """Return the settings of a take for whoever has the prompt and not the recording that it was cut from."""
        return settings.model_copy(update={"prompt_start_seconds": 0.0, "prompt_end_seconds": self.seconds})


def build_boundary(number: int) -> gr.HTML:
    """Build the widget of take `number`, inside its card; its value is from `boundary_value`."""
    return scripted_html(
        _TEMPLATE,
        Path(__file__).with_name("take_player.js"),
        elem_id=f"take-{number}-boundary",
    )


def boundary_value(take: Take, name: str, prompt: LinkedPrompt | None = None, problem: str = "") -> dict[str, Any]:
    """Return where in the take's sound the continuation begins, in seconds, and what makes the take again.

    Args:
        name: under which the page's scripts know the take.
        prompt: that a link may have; None where the site keeps none.
        problem: why it could not be shared.
    """
    shared = None
    if prompt is not None:
        shared = {
            "seconds": prompt.seconds,
            "days": KEPT_DAYS,
            "settings": prompt.settings(take.settings).model_dump_json(),
            "key": prompt.key,
            "name": None if prompt.key is None else prompt_name(prompt.key),
            "problem": problem,
        }
    return {
        "prompt": shared,
        "take": name,
        "boundary": take.prompt_samples / SAMPLE_RATE_HZ,
        "seconds": len(take.audio) / SAMPLE_RATE_HZ,
        "seed": take.settings.seed + take.settings.index,
        "settings": take.settings.model_dump_json(),
    }
