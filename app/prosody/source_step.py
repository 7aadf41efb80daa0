"""Step 1: whose speech it is, analysed once; and saved settings, which find their recording again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from undertone.app.continue_page.controls import MAX_SEED
from undertone.app.prosody.background import reported
from undertone.app.prosody.controller import PageController
from undertone.app.prosody.editing_session import EditingSession, Original
from undertone.app.prosody.saved_settings import applied, prosody_cut, read_prosody_settings, saved_note, take_again
from undertone.app.prosody.status import Updates
from undertone.app.prosody.visit import ProsodyVisit, Task
from undertone.app.shared.context import Context
from undertone.app.shared.prompt_panel import (
    LONGEST_SECONDS,
    ClipUse,
    PromptPanel,
    bind_prompt_panel,
    build_prompt_panel,
    judge_cut,
)
from undertone.app.shared.widgets import EVERY, Note, reaching, step_heading
from undertone.engine import Sampling, SettingsError, Speech, Take, UndertoneError
from undertone.engine.prosody import CallProgress, Cancelled

DEFAULT_STEPS = Sampling().steps
SOURCE = ClipUse(
    noun="speech",
    default_seconds=6.0,
    empty=Note("quiet", "Speak a sentence, or choose a clip. Nothing is kept when you leave."),
    holder=lambda visit: visit.source,
)


@dataclass(frozen=True)
class SourceStep:
    """The widgets."""

    panel: PromptPanel
    analyse: gr.Button
    seed: gr.Number
    steps: gr.Slider
    saved: gr.UploadButton


def build_source_step(context: Context) -> SourceStep:
    """Lay it out."""
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
    return SourceStep(panel, analyse, seed, steps, saved)


def bind_source_step(step: SourceStep, controller: PageController) -> None:
    """Analyse, and settings that are loaded."""
    context, panel = controller.context, step.panel
    bind_prompt_panel(panel, controller.visit, context.examples, context.limits, SOURCE)

    def begin(visit: ProsodyVisit, request: gr.Request) -> Updates:
        context.remember(request.session_hash, visit)
        visit.handed = None
        visit.start("analyse")
        return controller.status.busy("Waiting for the model")

    def work(visit: ProsodyVisit, task: Task, *values: Any) -> Iterator[Updates]:
        yield from analyse_source(controller, visit, task, *values)

    started = step.analyse.click(begin, controller.visit, controller.status.outputs, **EVERY)
    controller.work(started, "analyse", work, [panel.clip, panel.start, panel.length, step.seed, step.steps])

    def load(data: bytes | None, visit: ProsodyVisit) -> Updates:
        try:
            saved = read_prosody_settings(data or b"")
        except UndertoneError as error:
            return controller.refused(visit, error)
        with visit.lock:
            visit.wanted = saved
            if visit.editing is not None and applied(visit.editing, saved) is None:
                visit.wanted = None
                visit.start("render", visit.editing.now)
                return controller.status.busy("Waiting for the model") | controller.controls(visit)
        start, length = visit.source.saved_cut = prosody_cut(saved)
        return controller.idle(visit, saved_note(saved, context.engine)) | {
            panel.start: reaching(start, 10),
            panel.length: reaching(length, LONGEST_SECONDS),
            step.seed: saved.seed,
            step.steps: reaching(saved.sampling.steps, 50),
        }

    outputs = [*controller.outputs, panel.start, panel.length, step.seed, step.steps]
    controller.work(
        step.saved.upload(load, [step.saved, controller.visit], outputs, **EVERY), "render", controller.render
    )


def bind_arrival(controller: PageController, page: gr.Blocks) -> None:
    """Bind the arrival of a visitor with a ticket: that take is loaded."""

    def arrive(visit: ProsodyVisit, request: gr.Request) -> Updates:
        ticket = request.query_params.get("take") if request.query_params else None
        if not ticket or visit.editing is not None:
            return {controller.status.note: gr.skip()}
        context = controller.context
        context.remember(request.session_hash, visit)
        visit.handed = context.handovers.pick_up(str(ticket))
        if visit.handed is None:
            gone = "This take is gone, as its page was left a while ago. Open it again from the Continue page."
            return controller.idle(visit, Note("problem", gone))
        visit.start("analyse")
        return controller.status.busy("Waiting for the model")

    def work(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        yield from analyse_source(controller, visit, task, None, 0.0, 0.0, 0, DEFAULT_STEPS)

    controller.work(page.load(arrive, controller.visit, controller.status.outputs, **EVERY), "analyse", work)


def analyse_source(
    controller: PageController,
    visit: ProsodyVisit,
    task: Task,
    path: str | None,
    start: float,
    length: float,
    seed: float | None,
    steps: float,
) -> Iterator[Updates]:
    """Put speech on the bench: what was handed over, or the cut clip; with saved settings where some are waiting."""
    engine, limits = controller.context.engine, controller.context.limits
    yield controller.status.progress("Listening")
    wanted, handed = visit.wanted, visit.handed
    sampling, number = _settings(seed, steps)
    if handed is not None:
        original, settings = Original(handed.name, handed.take), handed.take.settings
        sampling, number, wanted = settings.sampling, settings.seed + settings.index, None
    else:
        visit.source.ensure_loaded(path)
        note = judge_cut(start, length, visit.source, limits, SOURCE)
        if note.tone == "problem" or visit.source.clip is None:
            missing = Note("warning", "There is no speech yet. Record, upload or choose an example first.")
            yield controller.done(visit, task, note if note.tone == "problem" else missing)
            return
        if wanted is not None and wanted.source.take is not None:
            saved = wanted.source.take
            prompt = visit.source.prompt(saved.prompt_start_seconds, saved.prompt_end_seconds, limits)
            source: Speech | Take = yield from take_again(engine, controller.status, task.run, prompt, saved)
        else:
            source = engine.analyse_prompt(visit.source.prompt(start, start + length, limits))
        original = Original("Your clip", source)
    if wanted is not None:
        sampling, number = wanted.sampling, wanted.seed

    def open_bench(progress: CallProgress) -> EditingSession:
        statistics = None if wanted is None else wanted.statistics
        return EditingSession.open(engine, original, sampling, number, progress, statistics)

    editing = yield from controller.progress(reported(task.run, open_bench), "Saying it again")
    note = _source_note(original)
    if wanted is not None:
        problem = applied(editing, wanted)
        note = problem or Note("good", "These are the saved settings again.")
        if problem is None:
            yield from controller.make(task, editing, editing.now, "Speaking")
            visit.wanted = None
    with visit.lock:
        if task.run.stop.is_set():
            raise Cancelled
        visit.put(editing)
        editing.shown = editing.now
        shown = (
            controller.editor.show_source(visit, editing)
            | controller.controls(visit)
            | controller.range_tool.show(editing)
            | controller.delivery.no_draws()
            | controller.output.show_continued(visit)
        )
    yield shown
    yield from controller.show(visit, task, editing, editing.shown, note)


def _settings(seed: float | None, steps: float) -> tuple[Sampling, int]:
    if seed is None or not 0 <= seed <= MAX_SEED or seed != int(seed):
        raise SettingsError(f"seed is {seed}; expected a whole number from 0 to {MAX_SEED}.")
    return Sampling.of(steps=steps), int(seed)


def _source_note(original: Original) -> Note:
    seconds = original.speech.seconds
    what = "a take" if isinstance(original.source, Take) else "a recording"
    return Note("good", f"{original.name}: {what} of {seconds:.1f} s. Move a slider to change how it is said.")
