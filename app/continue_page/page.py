"""The Continue page: a prompt in, takes out. Layout, and the bindings of the figure and of saved settings."""

from typing import Any

import gradio as gr

from undertone.app.continue_page.controls import (
    MAX_TAKES,
    Controls,
    bind_controls,
    build_controls,
    control_values,
    matching_preset,
)
from undertone.app.continue_page.figure import FigurePanel, build_figure_panel, show_figure, show_take
from undertone.app.continue_page.kept_runs import bind_kept_runs
from undertone.app.continue_page.opening import bind_opening, build_opening
from undertone.app.continue_page.run_events import bind_run
from undertone.app.continue_page.run_widgets import RunPanel, build_run_panel
from undertone.app.continue_page.take_library import build_take_library
from undertone.app.continue_page.take_links import GONE, bind_take_links, open_linked_prompt
from undertone.app.continue_page.takes import TakeCards, bind_take_cards, build_take_cards, show_takes
from undertone.app.shared.context import Context
from undertone.app.shared.prompt_panel import LONGEST_SECONDS, PromptPanel, bind_prompt_panel, build_prompt_panel
from undertone.app.shared.saved_settings import differences_text, read_take_settings, take_cut
from undertone.app.shared.visitor import Visit
from undertone.app.shared.widgets import QUIET, Note, set_slider, step_heading
from undertone.engine import TakeSettings, UndertoneError


def build_continue_page(context: Context) -> None:
    """Build everything below the page's header, inside an open Blocks."""
    limits = context.limits
    visit = gr.State(context.new_visit(), delete_callback=Visit.close)
    gr.HTML(
        '<div class="hero"><h1>Say something. Hear how it goes on.</h1>'
        "<p>A few seconds of your speech are the prompt. The model goes on from there: "
        "what is said, and how it is said.</p></div>"
    )
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=1, min_width=320, elem_classes="card"):
            step_heading(1, "Speak, or choose a clip")
            prompt = build_prompt_panel(context.examples, limits.min_seconds)
        with gr.Column(scale=1, min_width=320, elem_classes="card"):
            step_heading(2, "Let it continue")
            controls = build_controls(context.max_seconds, context.engine.own_guidance)
            run = build_run_panel()
            opening = build_opening()
    take_cards = build_take_cards(context)
    library = build_take_library()
    figure = build_figure_panel()
    changes = bind_prompt_panel(prompt, visit, context.examples, limits, analyse_ahead=context.analyses.begin)
    prompt.clip.change(_clear_note, [prompt.clip, visit], run.note, **QUIET)
    changes += bind_controls(controls)
    bind_take_cards(context, take_cards, visit)
    changes += bind_run(context, visit, prompt, controls, run, take_cards, figure, opening)
    bind_opening(context, visit, prompt, controls, opening, changes)
    _bind_figure(context, visit, figure)
    bind_kept_runs(
        take_cards.runs,
        visit,
        [*take_cards.outputs, *figure.outputs],
        lambda visit: [*show_takes(context, take_cards, visit), *show_figure(context, visit)],
    )
    _bind_saved(context, visit, run, prompt, controls, take_cards, library)


def _clear_note(path: str | None, visit: Visit) -> Any:
    """Return the update of the run's note for a new clip: what was wrong with the one before is over."""
    is_onward = visit.onward is not None and visit.onward.path == path  # its run has begun, and says so
    is_linked = path is not None and visit.linked_path == path  # it came with settings, of which the note is
    return gr.skip() if is_onward or is_linked else ""


def _bind_figure(context: Context, visit: gr.State, figure: FigurePanel) -> None:
    def show(index: int, visit: Visit) -> list[Any]:
        return show_take(context, visit, index)

    figure.choice.input(show, [figure.choice, visit], figure.shown, show_progress="minimal")


def _bind_saved(
    context: Context,
    visit: gr.State,
    panel: RunPanel,
    prompt: PromptPanel,
    controls: Controls,
    take_cards: TakeCards,
    library: gr.HTML,
) -> None:
    """Bind saved settings, from a file or a link: they go into the controls, and the visitor presses Continue."""
    filled = [
        controls.preset, controls.new_seed, controls.takes, controls.seconds, controls.seed, *controls.sampling,
        prompt.start, prompt.length,
    ]  # fmt: skip
    clip = [prompt.clip, prompt.examples]

    def refuse(error: UndertoneError, outputs: list[Any]) -> list[Any]:
        return [*([gr.skip()] * (len(outputs) - 1)), Note("problem", str(error)).html()]

    def fill(saved: TakeSettings, visit: Visit) -> list[Any]:
        start, length = take_cut(saved)
        visit.saved, visit.saved_cut = saved, (start, length)
        return [
            matching_preset(saved.sampling), False, saved.num_takes, set_slider(saved.seconds, context.max_seconds),
            saved.seed, *control_values(saved.sampling, context.engine.own_guidance),
            set_slider(start, 10), set_slider(length, LONGEST_SECONDS),
        ]  # fmt: skip

    def load(data: bytes | None, visit: Visit) -> list[Any]:
        try:
            saved = read_take_settings(data or b"", MAX_TAKES)
        except UndertoneError as error:
            return refuse(error, [*filled, panel.note])
        return [*fill(saved, visit), _loaded_note(saved, context).html()]

    def show_link(visit: Visit, settings: str, name: str) -> list[Any]:
        try:
            saved = read_take_settings(settings.encode(), MAX_TAKES)
            path = open_linked_prompt(context, visit, name) if name else None
        except UndertoneError as error:
            return refuse(error, [*filled, *clip, panel.note])
        note = _loaded_note(saved, context, has_prompt=path is not None)
        if name and path is None:
            note = Note("warning", f"{GONE} {note.text}")
        shown = [gr.skip(), gr.skip()] if path is None else [path, None]
        return [*fill(saved, visit), *shown, note.html()]

    panel.replay.upload(load, [panel.replay, visit], [*filled, panel.note], **QUIET)
    bind_take_links(context, visit, library, take_cards, [*filled, *clip, panel.note], show_link)


def _loaded_note(saved: TakeSettings, context: Context, has_prompt: bool = False) -> Note:
    """Return what to say of settings that were loaded, alone or with their prompt."""
    prompt = " and its prompt" if has_prompt else ""
    loaded = f"Settings of take {saved.index + 1} with seed {saved.seed}{prompt} are loaded."
    parent = saved.prompt_take
    if parent is not None and not has_prompt:
        loaded += f" The prompt is the end of take {parent.index + 1} with seed {parent.seed}: choose its saved sound."
    different = differences_text(saved, context.engine)
    if different:
        return Note("warning", f"{loaded} Other than then: {', '.join(different)}. The sound may differ.")
    same = "Continue gives the same sound."
    return Note("good", f"{loaded} {same if has_prompt else f'With the same clip, {same}'}")
