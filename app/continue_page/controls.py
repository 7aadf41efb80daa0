"""The controls of a continuation: length, takes, preset, seed, the advanced drawer, and how one sets the others."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.events import Dependency

from undertone.app.shared.opening import ContinuationSettings
from undertone.engine import PRESETS, Sampling, SettingsError

CUSTOM = "custom"
DEFAULT_PRESET = "balanced"
MAX_TAKES = 4
SECONDS, SEED = 1, 3  # their places among `Controls.inputs`
MAX_SEED = 2**31 - 1 - MAX_TAKES  # take i of a run has seed + i
PRESET_LABELS = {
    "faithful": "Faithful",
    "balanced": "Balanced",
    "lively": "Lively",
    CUSTOM: "Custom",
}
END_CHOICES = [
    ("When the sentence ends", "auto"),
    ("Only at the full length", "never"),
]


@dataclass(frozen=True)
class Controls:
    """The widgets, in the order in which they are passed to `read_settings`."""

    seconds: gr.Slider
    takes: gr.Radio
    seed: gr.Number
    new_seed: gr.Checkbox
    token_temperature: gr.Slider
    top_p: gr.Slider
    latent_temperature: gr.Slider
    guidance: gr.Slider
    steps: gr.Slider
    end: gr.Dropdown
    min_seconds: gr.Slider
    preset: gr.Radio
    dice: gr.Button
    own_guidance: float  # the model's

    @property
    def inputs(self) -> list[gr.components.Component]:
        """Return the widgets that a run reads."""
        return [self.preset, self.seconds, self.takes, self.seed, *self.sampling]

    @property
    def sampling(self) -> list[gr.components.Component]:
        """Return the widgets that a preset sets."""
        return [
            self.token_temperature, self.top_p, self.latent_temperature, self.guidance, self.steps, self.end,
            self.min_seconds,
        ]  # fmt: skip


def build_controls(max_seconds: float, own_guidance: float) -> Controls:
    """Lay the controls out, inside the current column.

    Args:
        own_guidance: of the model; 1 is none, and then there is nothing to choose.
    """
    with gr.Group():
        preset = gr.Radio(
            choices=[(label, name) for name, label in PRESET_LABELS.items()],
            value=DEFAULT_PRESET,
            label="Character",
            info="Faithful stays close to the prompt; lively takes more liberties.",
            elem_id="preset",
        )
        seconds = gr.Slider(
            1,
            max_seconds,
            value=min(10.0, max_seconds),
            step=0.5,
            label="Length, seconds",
            elem_id="seconds",
            buttons=[],
        )
        takes = gr.Radio(list(range(1, MAX_TAKES + 1)), value=2, label="Takes", elem_id="takes")
        with gr.Row(elem_classes="seed-row"):
            seed = gr.Number(
                value=draw_seed(), label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=100, elem_id="seed"
            )
            dice = gr.Button("Roll", size="md", min_width=80, elem_id="dice")
            new_seed = gr.Checkbox(
                value=True, show_label=False, label="A new seed for every run", min_width=180, elem_id="new-seed"
            )
    with gr.Accordion("Advanced", open=False, elem_id="advanced"):
        values = PRESETS[DEFAULT_PRESET]
        return Controls(
            seconds=seconds,
            takes=takes,
            seed=seed,
            new_seed=new_seed,
            token_temperature=gr.Slider(
                0, 2, value=values.token_temperature, step=0.05, label="Token temperature",
                info="How freely it chooses what to say.", elem_id="token-temperature", buttons=[],
            ),
            top_p=gr.Slider(
                0.01, 1, value=values.top_p, step=0.01, label="Top-p",
                info="Below 1, unlikely sounds are left out: safer, but a pause may never end. 1 leaves out none.",
                elem_id="top-p", buttons=[],
            ),
            latent_temperature=gr.Slider(
                0, 2, value=values.latent_temperature, step=0.05, label="Latent temperature",
                info="How freely it chooses how to say it.", elem_id="latent-temperature", buttons=[],
            ),
            guidance=gr.Slider(
                1, 5, value=own_guidance, step=0.1, label="Guidance",
                info="How closely the sound keeps to what is said; too much sounds forced.", elem_id="guidance",
                buttons=[], visible=own_guidance != 1.0,
            ),
            steps=gr.Slider(
                1, 100, value=values.steps, step=1, label="Diffusion steps",
                info="More steps sound cleaner and take longer.", elem_id="steps", buttons=[],
            ),
            end=gr.Dropdown(END_CHOICES, value=values.end, label="A take ends", elem_id="end"),
            min_seconds=gr.Slider(
                0, 10, value=values.min_seconds, step=0.5, label="Not before, seconds",
                info="No take is shorter.", elem_id="min-seconds", buttons=[],
            ),
            preset=preset,
            dice=dice,
            own_guidance=own_guidance,
        )  # fmt: skip


def control_values(sampling: Sampling, own_guidance: float) -> list[Any]:
    """Return the values of `Controls.sampling` for these settings of a model with this guidance."""
    guidance = own_guidance if sampling.guidance is None else sampling.guidance
    return [
        sampling.token_temperature, sampling.top_p, sampling.latent_temperature, guidance, sampling.steps, sampling.end,
        sampling.min_seconds,
    ]  # fmt: skip


def preset_js(own_guidance: float) -> str:
    """Return the script that sets the sliders to a preset's values."""
    values = {name: control_values(sampling, own_guidance) for name, sampling in PRESETS.items()}
    return f"(preset, ...now) => ({json.dumps(values)})[preset] ?? now"


DICE_JS = "() => [100000 + Math.floor(900000 * Math.random()), false]"


def bind_controls(controls: Controls) -> list[Dependency]:
    """Bind presets to the sliders, a moved slider to the custom preset, a typed or rolled seed to its being kept.

    All of it happens in the browser: a click on Continue right behind it must not overtake it.

    Returns:
        The events that change how a run sounds.
    """
    js = preset_js(controls.own_guidance)
    events = [controls.preset.input(None, [controls.preset, *controls.sampling], controls.sampling, js=js)]
    for widget in controls.sampling:
        events.append(widget.input(None, None, controls.preset, js=f"() => {json.dumps(CUSTOM)}"))
    events.append(controls.dice.click(None, None, [controls.seed, controls.new_seed], js=DICE_JS))
    events.append(controls.seed.input(None, None, controls.new_seed, js="() => false"))
    return events


def draw_seed() -> int:
    """Return a seed of six digits: short enough to read to somebody."""
    return secrets.randbelow(900_000) + 100_000


def matching_preset(sampling: Sampling) -> str:
    """Return the name of the preset with these settings, else custom."""
    return next((name for name, values in PRESETS.items() if values == sampling), CUSTOM)


def read_settings(
    saved: Sampling | None,
    own_guidance: float,
    preset: str,
    seconds: float,
    takes: int,
    seed: float | None,
    token_temperature: float,
    top_p: float,
    latent_temperature: float,
    guidance: float,
    steps: int,
    end: str,
    min_seconds: float,
) -> ContinuationSettings:
    """Check what the controls say; a request can come from anywhere, so every limit is checked again here.

    Args:
        saved: of a saved take that was loaded; a custom run takes from it what has no control.
        own_guidance: of the model.
    Raises:
        SettingsError: naming the setting, its value and its range.
    """
    if takes not in range(1, MAX_TAKES + 1):
        raise SettingsError(f"takes is {takes}; expected 1 to {MAX_TAKES}.")
    if seed is None or not 0 <= seed <= MAX_SEED or seed != int(seed):
        raise SettingsError(f"seed is {seed}; expected a whole number from 0 to {MAX_SEED}. Roll the dice for one.")
    chosen = {
        "token_temperature": token_temperature,
        "top_p": top_p,
        "latent_temperature": latent_temperature,
        "guidance": None if guidance == own_guidance else guidance,
        "steps": steps,
        "end": end,
        "min_seconds": min_seconds,
    }
    base = PRESETS.get(preset) or saved or PRESETS[DEFAULT_PRESET]
    sampling = Sampling.of(**{**base.model_dump(), **chosen})
    return ContinuationSettings(float(seconds), int(takes), int(seed), sampling)
