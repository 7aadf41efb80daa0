"""Step 1: whose speech it is, and saved settings of a rendering. The widgets."""

from dataclasses import dataclass

import gradio as gr

from undertone.app.continue_page.controls import MAX_SEED
from undertone.app.shared.context import Context
from undertone.app.shared.prompt_panel import ClipUse, PromptPanel, build_prompt_panel
from undertone.app.shared.widgets import Note, step_heading
from undertone.engine import Sampling

DEFAULT_STEPS = Sampling().steps
SOURCE = ClipUse(
    noun="speech",
    default_seconds=6.0,
    empty=Note("quiet", "Speak a sentence, or choose a clip. Nothing is kept when you leave."),
    holder=lambda visit: visit.source,
)


@dataclass(frozen=True)
class SourceWidgets:
    """The widgets of the step."""

    panel: PromptPanel
    analyse: gr.Button
    seed: gr.Number
    steps: gr.Slider
    saved: gr.UploadButton


def build_source(context: Context) -> SourceWidgets:
    """Lay the step out, inside the current column."""
    step_heading(1, "Choose the speech")
    panel = build_prompt_panel(context.examples, context.limits.min_seconds, SOURCE)
    with gr.Row(elem_classes="go-row"):
        analyse = gr.Button("Analyse", variant="primary", size="lg", elem_id="analyse")
    with gr.Row():
        saved = gr.UploadButton(
            "Load saved settings", file_types=[".json"], size="sm", variant="secondary", elem_id="replay", type="binary"
        )
    with gr.Accordion("Advanced", open=False, elem_id="advanced"):
        seed = gr.Number(
            value=0, label="Seed of the decoder's noise", precision=0, minimum=0, maximum=MAX_SEED, elem_id="seed",
            info="The same for every version, so that nothing but your edit makes the difference.",
        )  # fmt: skip
        steps = gr.Slider(
            1, 50, value=DEFAULT_STEPS, step=1, label="Diffusion steps at full quality", elem_id="steps", buttons=[],
        )  # fmt: skip
    return SourceWidgets(panel, analyse, seed, steps, saved)
