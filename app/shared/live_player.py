"""The player of a take while it is made: 16-bit samples to the browser's Web Audio, without ffmpeg or a codec."""

import base64
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from torch import Tensor

from undertone.app.shared.widgets import scripted_html

_TEMPLATE = """
<div class="live-player">
  <span class="live-dot" aria-hidden="true"></span>
  <span class="live-label" role="status"></span>
  <button type="button" class="live-skip" hidden>Skip to the continuation</button>
  <button type="button" class="live-toggle">Mute</button>
</div>
"""

# Runs in the browser on the click that starts a run: sound may only start from a visitor's own action.
ARM_JS = "(...inputs) => { window.undertoneArmPlayer && window.undertoneArmPlayer(); return inputs; }"
PAUSE_JS = "(...inputs) => { document.dispatchEvent(new CustomEvent('undertone:pause')); return inputs; }"


def live_player() -> gr.HTML:
    """Build the widget; its value is `Broadcast.value()`."""
    return scripted_html(
        _TEMPLATE,
        Path(__file__).with_name("live_player.js"),
        elem_id="live-player",
    )


def samples_text(audio: Tensor) -> str:
    """Return [samples] in [-1, 1] as base64 of 16-bit integers, which a browser plays without a codec."""
    ints = (audio.detach().cpu().clamp(-1, 1) * 32767).round().short().numpy().astype("<i2")
    return base64.b64encode(ints.tobytes()).decode("ascii")


@dataclass
class Broadcast:
    """The chunks that one run has sent so far. Values only grow, so that Gradio sends each once and none can be lost.

    Attributes:
        prompt_samples: at the beginning of the sound, which are the prompt as the model says it.
        heard_samples: of those that are still to be added, which the page has already.
    """

    run: str = field(default_factory=lambda: secrets.token_hex(8))
    chunks: list[str] = field(default_factory=list)
    prompt_samples: int = 0
    heard_samples: int = 0

    def follow(self, run: str, num_samples: int) -> None:
        """Go on behind a sound that the page has played under this name since the press: it is not sent again."""
        self.run, self.heard_samples = run, num_samples

    def add(self, audio: Tensor) -> None:
        """Append what the page has not heard of [samples] in [-1, 1]."""
        heard = min(len(audio), self.heard_samples)
        self.heard_samples -= heard
        if heard < len(audio):
            self.chunks.append(samples_text(audio[heard:]))

    def value(self, done: bool = False) -> dict[str, Any]:
        """Return the widget's value."""
        return {"run": self.run, "chunks": list(self.chunks), "done": done, "prompt": self.prompt_samples}
