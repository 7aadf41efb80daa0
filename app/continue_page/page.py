"""The Continue page: a prompt in, takes out. Layout and bindings; what they do is in run, tray and prompt_panel."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from undertone.app.asgi.root_path import site_path
from undertone.app.continue_page.controls import (
    MAX_TAKES,
    Controls,
    bind_controls,
    build_controls,
    control_values,
    draw_seed,
    matching_preset,
    read_settings,
)
from undertone.app.continue_page.figure import build_plot, take_plot
from undertone.app.continue_page.generation import continue_clip
from undertone.app.continue_page.takes import TakeCards, bind_take_cards, build_take_cards, show_takes
from undertone.app.shared.context import MODEL_QUEUE, Context
from undertone.app.shared.live_player import ARM_JS, HUSH_JS, Broadcast, live_player
from undertone.app.shared.prompt_panel import (
    LONGEST_SECONDS,
    PromptPanel,
    bind_prompt_panel,
    build_prompt_panel,
    judge_cut,
)
from undertone.app.shared.runs import RESTARTING, RUNS
from undertone.app.shared.saved_settings import differences_text, outcome, read_take_settings, take_cut
from undertone.app.shared.visitor import Visit
from undertone.app.shared.widgets import QUIET, Note, progress_bar, reaching, step_heading
from undertone.engine import TakeSettings, UndertoneError

PROSODY_NOTE = "Move its pitch, loudness and rhythm there, and hear what changes."
FAULT = Note(
    "problem", "This went wrong on the server. Your clip, your settings and your takes are still here; try again."
)
log = logging.getLogger(__name__)
SEED = 3  # its place among `Controls.inputs`
NO_CLIP = Note("warning", "There is no clip yet. Record, upload or choose an example first.")
CANCELLED = Note("quiet", "Cancelled. Your clip and your settings are still here.")


@dataclass(frozen=True)
class RunPanel:
    """The button, what runs behind it and what it says."""

    go: gr.Button
    cancel: gr.Button
    note: gr.HTML
    live: gr.HTML
    replay: gr.UploadButton

    @property
    def outputs(self) -> list[Any]:
        """Return the widgets that the beginning and the end of a run change."""
        return [self.go, self.cancel, *self.reports]

    @property
    def reports(self) -> list[Any]:
        """Return the widgets that change in between; a button drawn anew at every report would lose clicks."""
        return [self.note, self.live]


@dataclass(frozen=True)
class FigurePanel:
    """The picture of one take."""

    section: gr.Column
    choice: gr.Radio
    plot: gr.Plot
    prosody: gr.Button

    @property
    def outputs(self) -> list[Any]:
        return [self.section, self.choice, self.plot, self.prosody]


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
            run = _build_run_panel()
    take_cards = build_take_cards(context)
    figure = _build_figure_panel()
    bind_prompt_panel(prompt, visit, context.examples, limits)
    prompt.clip.change(lambda: "", None, run.note, **QUIET)  # what was wrong with the clip before is over
    bind_controls(controls)
    bind_take_cards(context, take_cards, visit)
    _bind_run(context, visit, prompt, controls, run, take_cards, figure)
    _bind_figure(context, visit, figure)
    _bind_replay(context, visit, run, prompt, controls)


def _build_run_panel() -> RunPanel:
    with gr.Row(elem_classes="go-row"):
        go = gr.Button("Continue", variant="primary", size="lg", elem_id="go")
        cancel = gr.Button("Cancel", variant="secondary", size="lg", visible=False, elem_id="cancel")
    note = gr.HTML("", elem_id="run-note")
    live = live_player()
    replay = gr.UploadButton(
        "Load saved settings", file_types=[".json"], size="sm", variant="secondary", elem_id="replay", type="binary"
    )
    return RunPanel(go, cancel, note, live, replay)


def _build_figure_panel() -> FigurePanel:
    with gr.Column(visible=False, elem_id="figure-section") as section:
        step_heading(4, "Look inside")
        with gr.Row(elem_classes="figure-bar"):
            choice = gr.Radio([("Take 1", 0)], value=0, label="Show", elem_id="figure-choice", scale=3)
            with gr.Column(scale=2, min_width=220, elem_classes="prosody"):
                prosody = gr.Button(
                    "Open in Prosody",
                    link=site_path("/prosody"),
                    link_target="_blank",
                    size="sm",
                    elem_id="open-prosody",
                )
                gr.HTML(f'<p class="hint">{escape(PROSODY_NOTE)}</p>')
        plot = build_plot()
        gr.HTML('<p class="hint">Drag along the time axis to zoom, double-click to see everything again.</p>')
    return FigurePanel(section, choice, plot, prosody)


def _bind_run(
    context: Context,
    visit: gr.State,
    prompt: PromptPanel,
    controls: Controls,
    panel: RunPanel,
    take_cards: TakeCards,
    figure: FigurePanel,
) -> None:
    """Continue, its progress and its Cancel."""

    def begin(
        visit: Visit, new_seed: bool, path: str | None, start: float, length: float, request: gr.Request, *values: Any
    ) -> list[Any]:
        context.remember(request.session_hash, visit)
        settings = list(values)
        if new_seed:
            settings[SEED] = draw_seed()
        # Kept with the run: where another one is asked for while this waits, the page has moved on.
        visit.begin().inputs = (path, start, length, tuple(settings))
        return [settings[SEED], *_busy("Waiting for the model")]

    def work(visit: Visit) -> Iterator[Any]:
        run = visit.run
        if run is None or not run.inputs:
            return
        path, start, length, values = run.inputs
        visit.ensure_loaded(path)
        yield from run_updates(context, visit, start, length, values, panel, take_cards, figure)

    def stop(visit: Visit) -> list[Any]:
        going = visit.run is not None
        visit.cancel()
        go, cancel, note, _ = _idle(CANCELLED)
        return [go, cancel, note if going else gr.skip(), gr.skip()]

    started = panel.go.click(
        begin,
        [visit, controls.new_seed, prompt.clip, prompt.start, prompt.length, *controls.inputs],
        [controls.seed, *panel.outputs],
        js=ARM_JS,
        **QUIET,
    )
    # Not `cancels=`: reports on their way when it cuts a run off arrive after the answer to the press, and stay. A run
    # that is told to stop ends by saying so, after its last report. The press is answered with the very same words, as
    # its answer may be shown after them.
    started.then(
        work,
        visit,
        [*panel.outputs, *take_cards.outputs, *figure.outputs],
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=context.concurrency,
        show_progress="hidden",
        trigger_mode="multiple",  # a run that was cancelled while it waited is still in the queue when the next begins
    )
    panel.cancel.click(stop, visit, panel.outputs, js=HUSH_JS, **QUIET)


def run_updates(
    context: Context,
    visit: Visit,
    start: float,
    length: float,
    values: tuple[Any, ...],
    panel: RunPanel,
    take_cards: TakeCards,
    figure: FigurePanel,
) -> Iterator[dict[Any, Any]]:
    """Yield what the page shows while the model works, and at the end; an error changes only the note."""
    run = visit.run
    if run is None or not run.start():
        if run is not None and RUNS.are_ending:  # it waited for its turn when the server was told to end
            yield _named(panel.outputs, _idle(RESTARTING))
        return
    broadcast = Broadcast()
    try:
        if visit.clip is None and visit.clip_error is None:
            yield _named(panel.outputs, _idle(NO_CLIP))
            return
        note = judge_cut(start, length, visit, context.limits)
        if note.tone == "problem":
            yield _named(panel.outputs, _idle(note))
            return
        settings = read_settings(visit.saved.sampling if visit.saved else None, context.engine.own_guidance, *values)
        for progress in continue_clip(context.engine, visit.clip, start, length, settings, run, broadcast):
            if not progress.takes:
                yield _named(panel.reports, _report(progress.text, progress.fraction, broadcast))
            else:
                visit.keep(list(progress.takes))
                yield _named(panel.reports, _report("Drawing the picture", 1.0, broadcast)) | _named(
                    take_cards.outputs, show_takes(take_cards, visit)
                )
                yield _named(figure.outputs, _show_figure(context, visit)) | _named(
                    panel.outputs, _idle(_done_note(visit), broadcast)
                )
                return
        if visit.run is run:  # else a newer one is on its way and says so itself
            yield _named(panel.outputs, _idle(RUNS.word(CANCELLED), broadcast))
    except UndertoneError as error:
        yield _named(panel.outputs, _idle(Note("problem", str(error)), broadcast))
    except Exception:
        log.exception("a run of the Continue page failed")
        yield _named(panel.outputs, _idle(FAULT, broadcast))
    finally:
        visit.finish(run)


def _bind_figure(context: Context, visit: gr.State, figure: FigurePanel) -> None:
    def show(index: int, visit: Visit) -> list[Any]:
        plot = take_plot(visit, index, context.unit_names)
        return [gr.skip() if plot is None else plot, _prosody_link(context, visit, index)]

    figure.choice.input(show, [figure.choice, visit], [figure.plot, figure.prosody], show_progress="minimal")


def _bind_replay(context: Context, visit: gr.State, panel: RunPanel, prompt: PromptPanel, controls: Controls) -> None:
    """Saved settings go into the controls; the visitor looks at them and presses Continue."""
    outputs = [
        controls.preset, controls.new_seed, controls.takes, controls.seconds, controls.seed, *controls.sampling,
        prompt.start, prompt.length, panel.note,
    ]  # fmt: skip

    def load(data: bytes | None, visit: Visit) -> list[Any]:
        try:
            saved = read_take_settings(data or b"", MAX_TAKES)
        except UndertoneError as error:
            return [*([gr.skip()] * (len(outputs) - 1)), Note("problem", str(error)).html()]
        start, length = take_cut(saved)
        visit.saved, visit.wanted_cut = saved, (start, length)
        return [
            matching_preset(saved.sampling), False, saved.num_takes, reaching(saved.seconds, context.max_seconds),
            saved.seed, *control_values(saved.sampling, context.engine.own_guidance),
            reaching(start, 10), reaching(length, LONGEST_SECONDS),
            _loaded_note(saved, context).html(),
        ]  # fmt: skip

    panel.replay.upload(load, [panel.replay, visit], outputs, **QUIET)


def _loaded_note(saved: TakeSettings, context: Context) -> Note:
    loaded = f"Settings of take {saved.index + 1} with seed {saved.seed} are loaded."
    different = differences_text(saved, context.engine)
    if different:
        return Note("warning", f"{loaded} Other than then: {', '.join(different)}. The sound may differ.")
    return Note("good", f"{loaded} With the same clip, Continue gives the same sound.")


def _show_figure(context: Context, visit: Visit) -> list[Any]:
    choices = [(f"Take {index + 1}", index) for index in range(len(visit.takes))]
    return [
        gr.update(visible=True),
        gr.update(choices=choices, value=0),
        take_plot(visit, 0, context.unit_names),
        _prosody_link(context, visit, 0),
    ]


def _prosody_link(context: Context, visit: Visit, index: int) -> Any:
    """Leads to the Prosody page with a ticket for this take, in a tab of its own: the takes here stay."""
    if index not in range(len(visit.takes)):
        return gr.skip()
    ticket = context.handovers.offer(visit.offers, visit.takes[index], f"Take {index + 1} of the Continue page")
    return gr.update(link=site_path(f"/prosody/?take={ticket}"))


def _done_note(visit: Visit) -> Note:
    count = len(visit.takes)
    text = f"{count} take{'s' if count > 1 else ''} made with seed {visit.takes[0].settings.seed}."
    again = outcome(visit.saved, visit.takes) if visit.saved is not None else None
    return Note("good", f"{text} {again}" if again else text, link=("Listen below", "#tray"))


def _busy(text: str) -> list[Any]:
    """Updates of the run panel when something goes on from now."""
    return [gr.update(visible=False), gr.update(visible=True), progress_bar(text), gr.skip()]


def _report(text: str, fraction: float | None, broadcast: Broadcast) -> list[Any]:
    """Updates of `RunPanel.reports` on the way."""
    return [progress_bar(text, fraction), broadcast.value()]


def _idle(note: Note, broadcast: Broadcast | None = None) -> list[Any]:
    """Updates of the run panel when nothing is going."""
    live = None if broadcast is None else broadcast.value(done=True)
    return [gr.update(visible=True), gr.update(visible=False), note.html(), live]


def _named(outputs: list[Any], updates: list[Any]) -> dict[Any, Any]:
    return dict(zip(outputs, updates, strict=True))
