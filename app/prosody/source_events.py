"""The bindings of step 1: speech that is analysed, a take that is handed over, and saved settings that are loaded."""

from collections.abc import Generator, Iterator
from typing import Any

import gradio as gr

from undertone.app.continue_page.controls import MAX_SEED
from undertone.app.prosody.editing_session import EditingSession, Original
from undertone.app.prosody.page_view import PageView
from undertone.app.prosody.saved_settings import (
    describe_loaded,
    prosody_cut,
    read_prosody_settings,
    remake_take,
    restore_edit,
)
from undertone.app.prosody.source_widgets import DEFAULT_STEPS, SOURCE, SourceWidgets
from undertone.app.prosody.status import Updates
from undertone.app.prosody.tasks import (
    WAITING,
    bind_render,
    bind_task,
    end_task,
    render_for_task,
    report,
    show_rendering,
)
from undertone.app.prosody.visit import ProsodyVisit, Task
from undertone.app.shared.prompt_panel import LONGEST_SECONDS, bind_prompt_panel, judge_cut
from undertone.app.shared.widgets import EVERY, Note, set_slider
from undertone.engine import CallProgress, Sampling, SettingsError, Speech, Take, UndertoneError
from undertone.engine.prosody import ProsodySettings


def bind_source(step: SourceWidgets, view: PageView) -> None:
    """Bind the clip, Analyse, and settings that are loaded."""
    context, panel = view.context, step.panel
    bind_prompt_panel(panel, view.visit, context.examples, context.limits, SOURCE, analyse_ahead=context.analyses.begin)

    def start(visit: ProsodyVisit, request: gr.Request) -> Updates:
        context.remember(request.session_hash, visit)
        visit.handed_take = None
        visit.start("analyse")
        return view.status.show_busy(WAITING)

    def work(visit: ProsodyVisit, task: Task, *values: Any) -> Iterator[Updates]:
        yield from analyse_source(view, visit, task, *values)

    started = step.analyse.click(start, view.visit, view.status.outputs, **EVERY)
    bind_task(view, started, "analyse", work, [panel.clip, panel.start, panel.length, step.seed, step.steps])

    def load(data: bytes | None, visit: ProsodyVisit) -> Updates:
        try:
            saved = read_prosody_settings(data or b"")
        except UndertoneError as error:
            return view.show_refusal(visit, error)
        with visit.lock:
            visit.saved_settings = saved
            if visit.editing is not None and restore_edit(visit.editing, saved) is None:
                visit.saved_settings = None
                visit.start("render", visit.editing.now)
                return view.status.show_busy(WAITING) | view.show_controls(visit)
        start, length = visit.source.saved_cut = prosody_cut(saved)
        return view.show_idle(visit, describe_loaded(saved, context.engine)) | {
            panel.start: set_slider(start, 10),
            panel.length: set_slider(length, LONGEST_SECONDS),
            step.seed: saved.seed,
            step.steps: set_slider(saved.sampling.steps, 50),
        }

    outputs = [*view.outputs, panel.start, panel.length, step.seed, step.steps]
    bind_render(view, step.saved.upload(load, [step.saved, view.visit], outputs, **EVERY))


def bind_arrival(view: PageView, page: gr.Blocks) -> None:
    """Bind the arrival of a visitor with a ticket: that take is loaded."""

    def arrive(visit: ProsodyVisit, request: gr.Request) -> Updates:
        ticket = request.query_params.get("take") if request.query_params else None
        if not ticket or visit.editing is not None:
            return {view.status.note: gr.skip()}
        view.context.remember(request.session_hash, visit)
        visit.handed_take = view.context.handovers.pick_up(str(ticket))
        if visit.handed_take is None:
            gone = "This take is gone, as its page was left a while ago. Open it again from the Continue page."
            return view.show_idle(visit, Note("problem", gone))
        visit.start("analyse")
        return view.status.show_busy(WAITING)

    def work(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        yield from analyse_source(view, visit, task, None, 0.0, 0.0, 0, DEFAULT_STEPS)

    bind_task(view, page.load(arrive, view.visit, view.status.outputs, **EVERY), "analyse", work)


def analyse_source(
    view: PageView,
    visit: ProsodyVisit,
    task: Task,
    path: str | None,
    start: float,
    length: float,
    seed: float | None,
    steps: float,
) -> Iterator[Updates]:
    """Open an editing session: of a take that was handed over, or of the cut clip; with saved settings that wait."""
    yield view.status.show_progress("Listening")
    saved, handed = visit.saved_settings, visit.handed_take
    sampling, number = _read_settings(seed, steps)
    if handed is not None:
        original, settings = Original(handed.name, handed.take), handed.take.settings
        sampling, number, saved = settings.sampling, settings.seed + settings.index, None
    else:
        visit.source.ensure_loaded(path)
        note = judge_cut(start, length, visit.source, view.context.limits, SOURCE)
        if note.tone == "problem" or visit.source.clip is None:
            missing = Note("warning", "There is no speech yet. Record, upload or choose an example first.")
            yield end_task(view, visit, task, note if note.tone == "problem" else missing)
            return
        original = Original("Your clip", (yield from _analyse_clip(view, visit, task, start, length, saved)))
    if saved is not None:
        sampling, number = saved.sampling, saved.seed

    def open_session(progress: CallProgress) -> EditingSession:
        statistics = None if saved is None else saved.statistics
        return EditingSession.open(view.context.engine, original, sampling, number, progress, statistics)

    editing = yield from report(view, task, open_session, "Saying it again")
    note = _describe_source(original)
    if saved is not None:
        problem = restore_edit(editing, saved)
        note = problem or Note("good", "These are the saved settings again.")
        if problem is None:
            yield from render_for_task(view, task, editing, editing.now)
            visit.saved_settings = None
    with visit.lock:
        task.check()
        visit.open(editing)
        editing.shown = editing.now
        updates = view.show_source(visit, editing)
    yield updates
    yield from show_rendering(view, visit, task, editing, editing.shown, note)


def _analyse_clip(
    view: PageView, visit: ProsodyVisit, task: Task, start: float, length: float, saved: ProsodySettings | None
) -> Generator[Updates, None, Speech | Take]:
    """Return the cut clip as speech, or the take that saved settings were made from."""
    engine, limits, take = view.context.engine, view.context.limits, None if saved is None else saved.source.take
    if take is None:
        return view.context.analyses.speech(visit.source.prompt(start, start + length, limits))
    prompt = visit.source.prompt(take.prompt_start_seconds, take.prompt_end_seconds, limits)
    return (yield from remake_take(engine, view.status, task.run, prompt, take))


def _read_settings(seed: float | None, steps: float) -> tuple[Sampling, int]:
    if seed is None or not 0 <= seed <= MAX_SEED or seed != int(seed):
        raise SettingsError(f"seed is {seed}; expected a whole number from 0 to {MAX_SEED}.")
    return Sampling.of(steps=steps), int(seed)


def _describe_source(original: Original) -> Note:
    seconds = original.speech.seconds
    what = "a take" if isinstance(original.source, Take) else "a recording"
    return Note("good", f"{original.name}: {what} of {seconds:.1f} s. Move a slider to change how it is said.")
