"""The sound with which the next run will begin, made and sent ahead, so that a press of Continue is heard at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency

from undertone.app.continue_page.controls import SEED, Controls, draw_seed, read_settings
from undertone.app.continue_page.generation import prompt_samples
from undertone.app.shared.context import Context
from undertone.app.shared.live_player import ARM_JS
from undertone.app.shared.opening import Opening
from undertone.app.shared.prompt_panel import PromptPanel
from undertone.app.shared.visitor import Visit
from undertone.app.shared.widgets import AWAY, QUIET, scripted_html
from undertone.engine import SettingsError

NO_OPENING = {"id": ""}
# Behind the inputs of a run comes the widget `OpeningWidgets.chosen`, whose value these scripts say.
KEY_JS = "(visit, ...inputs) => [visit, ...inputs.slice(0, -1), window.undertoneOpeningKey(...inputs)]"
PLAY_JS = (
    f"(visit, ...inputs) => {{ ({ARM_JS})(); "
    "return [visit, ...inputs.slice(0, -1), window.undertonePlayOpening(...inputs)]; }"
)


@dataclass(frozen=True)
class OpeningWidgets:
    """Two widgets that nobody sees: the sound, and the page's word on it."""

    sound: gr.HTML
    chosen: gr.Textbox


def build_opening() -> OpeningWidgets:
    """Lay the widgets out, inside the current column."""
    sound = scripted_html(
        "",
        Path(__file__).with_name("opening.js"),
        elem_id="opening",
        elem_classes=AWAY,
    )
    return OpeningWidgets(sound, gr.Textbox("", visible=False))


def bind_opening(
    context: Context,
    visit: gr.State,
    prompt: PromptPanel,
    controls: Controls,
    widgets: OpeningWidgets,
    changes: list[Dependency],
) -> None:
    """Bind the making of the sound.

    Args:
        changes: events behind which the next run would begin otherwise than before.
    """

    def prepare(visit: Visit, new_seed: bool, path: str | None, start: float, length: float, *values: Any) -> Any:
        *settings, key = values
        visit.opening = None
        if visit.run is None and visit.clip_path == path:
            visit.opening = _made_ahead(context, visit, bool(new_seed), start, length, settings)
        if visit.opening is None:
            return NO_OPENING
        speech = context.analyses.speech(visit.opening.prompt)
        return visit.opening.value(str(key), prompt_samples(context.engine, speech))

    inputs = [visit, controls.new_seed, prompt.clip, prompt.start, prompt.length, *controls.inputs, widgets.chosen]
    for change in changes:
        change.then(prepare, inputs, widgets.sound, js=KEY_JS, trigger_mode="always_last", **QUIET)
    chosen = [controls.seconds.change, controls.takes.change]
    gr.on(chosen, prepare, inputs, widgets.sound, js=KEY_JS, trigger_mode="always_last", **QUIET)


def _made_ahead(
    context: Context, visit: Visit, new_seed: bool, start: float, length: float, values: list[Any]
) -> Opening | None:
    """Return the opening of the run that the page would ask for now; None where there is none, or nothing is idle."""
    check = visit.check(start, length, context.limits)
    if check is None or check.prompt is None:
        return None
    if new_seed:
        values[SEED] = draw_seed()
    try:
        settings = read_settings(visit.saved.sampling if visit.saved else None, context.engine.own_guidance, *values)
    except SettingsError:  # Continue says so
        return None
    sound = context.analyses.opening(check.prompt, settings)
    return None if sound is None else Opening(check.prompt, settings, sound)
