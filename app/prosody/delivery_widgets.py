"""Step 3: whose prosody and whose voice, drawn by the model or from a second recording. The widgets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.status import Updates
from undertone.app.shared.context import Context
from undertone.app.shared.prompt_panel import ClipUse, PromptPanel, build_prompt_panel
from undertone.app.shared.widgets import AWAY, WAVEFORM, Note, show_container, step_heading
from undertone.engine import Sampling
from undertone.engine.prosody import MorphedLatents, RedrawnLatents, TransferredLatents

NUM_DRAWS = 4
DRAW = "draw"
SECOND = ClipUse(
    prefix="second-",
    noun="second recording",
    default_seconds=6.0,
    empty=Note("quiet", "Another person, or the same words said in another way."),
    holder=lambda visit: visit.second,
)


@dataclass(frozen=True)
class Draw:
    """One of the draws: a player and a button."""

    box: gr.Column
    player: gr.Audio
    use: gr.Button

    def show(self, sound: Path) -> Updates:
        """Show the draw with its sound."""
        return {self.box: show_container(True, DRAW), self.player: str(sound)}


@dataclass(frozen=True)
class DeliveryWidgets:
    """The widgets of the step."""

    section: gr.Column
    whose: gr.Radio
    timing: gr.Radio
    voice: gr.Radio
    temperature: gr.Slider
    draw: gr.Button
    draws: tuple[Draw, ...]
    panel: PromptPanel
    use_second: gr.Button

    @property
    def outputs(self) -> list[Any]:
        boxes = [part for draw in self.draws for part in (draw.box, draw.player)]
        return [self.section, self.whose, self.timing, self.voice, *boxes]

    def show(self, editing: EditingSession) -> Updates:
        """Show where the choices stand."""
        now, second = editing.now, bool(editing.others)
        choices, value = [("This recording's own", "own")], "own"
        if isinstance(now.latents, RedrawnLatents):
            choices, value = [*choices, (f"Draw {now.latents.index + 1} of the model", "redrawn")], "redrawn"
        if second:
            choices += [("The second recording's, on these words", "transferred"), ("Between the two", "morphed")]
        if isinstance(now.latents, TransferredLatents | MorphedLatents):
            value = now.latents.kind
        timing = now.latents.timing if isinstance(now.latents, MorphedLatents) else "first"
        return {
            self.section: show_container(True, "card"),
            self.whose: gr.update(choices=choices, value=value),
            self.timing: gr.update(visible=value == "morphed", value=timing),
            self.voice: gr.update(visible=second, value="other" if now.other_voice else "own"),
        }

    def clear_draws(self) -> Updates:
        """Hide the draws: a new recording has none."""
        return {draw.box: show_container(False, DRAW) for draw in self.draws}


def build_delivery(context: Context) -> DeliveryWidgets:
    """Lay the step out; hidden until something has been analysed."""
    with gr.Column(elem_id="delivery", elem_classes=["card", AWAY]) as section:
        step_heading(3, "Say it otherwise")
        with gr.Row():
            whose = gr.Radio([("This recording's own", "own")], value="own", label="How it is said", elem_id="whose")
            timing = gr.Radio(
                [("These words and their timing stay", "first"), ("Words, timing and voice go over too", "between")],
                value="first", label="Between the two", visible=False, elem_id="timing",
                info="The slider “Morph” above the cards sets how far to go.",
            )  # fmt: skip
            voice = gr.Radio(
                [("This one", "own"), ("The second recording's", "other")],
                value="own", label="Voice", visible=False, elem_id="voice",
            )  # fmt: skip
        with gr.Row(elem_classes="columns"):
            with gr.Column(min_width=320, elem_classes="panel"):
                gr.HTML(
                    "<h3>As the model would say it</h3><p class=hint>The words stay, the prosody is drawn anew.</p>"
                )
                temperature = gr.Slider(
                    0, 2, value=Sampling().latent_temperature, step=0.05, label="How freely (latent temperature)",
                    elem_id="draw-temperature", buttons=[],
                )  # fmt: skip
                draw = gr.Button(f"Draw {NUM_DRAWS}", elem_id="draw")
                with gr.Row(elem_classes="draw-grid"):
                    draws = tuple(_build_draw(number) for number in range(1, NUM_DRAWS + 1))
            with gr.Column(min_width=320, elem_classes="panel"):
                gr.HTML(
                    "<h3>A second recording</h3><p class=hint>Take its prosody or voice, or go between the two.</p>"
                )
                panel = build_prompt_panel(context.examples, context.limits.min_seconds, SECOND)
                use_second = gr.Button("Use it", elem_id="use-second")
    return DeliveryWidgets(section, whose, timing, voice, temperature, draw, draws, panel, use_second)


def _build_draw(number: int) -> Draw:
    with gr.Column(elem_classes=[DRAW, AWAY], elem_id=f"draw-{number}") as box:
        player = gr.Audio(
            interactive=False, label=f"Draw {number}", buttons=[], elem_id=f"draw-{number}-player",
            waveform_options=WAVEFORM,
        )  # fmt: skip
        use = gr.Button(f"Use draw {number}", size="sm", elem_id=f"use-draw-{number}")
    return Draw(box, player, use)
