"""The bindings of a run of the Continue page: its beginning, its reports, its end and Cancel."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.events import Dependency

from undertone.app.continue_page.controls import SECONDS, SEED, Controls, draw_seed, read_settings
from undertone.app.continue_page.figure import FigurePanel, show_figure
from undertone.app.continue_page.generation import GenerationProgress, continue_prompt
from undertone.app.continue_page.onward import onward_prompt, with_prompt_take
from undertone.app.continue_page.opening import PLAY_JS, OpeningWidgets
from undertone.app.continue_page.others import compared, others_go_on
from undertone.app.continue_page.run_widgets import RunPanel, show_busy, show_idle, show_report
from undertone.app.continue_page.takes import TakeCards, show_takes, show_words
from undertone.app.shared.context import MODEL_QUEUE, Context
from undertone.app.shared.live_player import ARM_JS, PAUSE_JS, Broadcast
from undertone.app.shared.model_queue import MAX_WAITING
from undertone.app.shared.prompt_panel import PromptPanel, judge_cut
from undertone.app.shared.runs import RESTARTING, RUNS
from undertone.app.shared.saved_settings import describe_outcome
from undertone.app.shared.visitor import Run, Visit
from undertone.app.shared.widgets import QUIET, Note
from undertone.engine import CallProgress, Cancelled, Take, UndertoneError

FAULT = Note(
    "problem", "This went wrong on the server. Your clip, your settings and your takes are still here; try again."
)
# Between two reports: a browser spends up to a tenth of a second on one, as Gradio goes through every widget of a run.
# The first piece of sound lasts a third of a second, so the second one is told soon.
REPORT_SECONDS, SECOND_REPORT_SECONDS = 0.4, 0.1
MOST_DRAWN = 2  # runs whose pictures are drawn at a time, of all visitors
# The run is reported beside Continue, above the takes.
ONWARD_JS = (
    f"(...inputs) => {{ document.getElementById('go').parentElement.scrollIntoView(); return ({ARM_JS})(...inputs); }}"
)
OTHERS_JS = "(...inputs) => { document.getElementById('go').parentElement.scrollIntoView(); return inputs; }"
NO_CLIP = Note("warning", "There is no clip yet. Record, upload or choose an example first.")
NO_TAKE = Note("warning", "There is no take whose prompt the other systems could go on from. Press Continue first.")
CANCELLED = Note("quiet", "Cancelled. Your clip and your settings are still here.")
log = logging.getLogger(__name__)


def bind_run(
    context: Context,
    visit: gr.State,
    prompt: PromptPanel,
    controls: Controls,
    panel: RunPanel,
    take_cards: TakeCards,
    figure: FigurePanel,
    opening: OpeningWidgets,
) -> list[Dependency]:
    """Bind Continue, the reports of its run, and Cancel.

    Returns:
        The events with which runs end.
    """

    def begin(
        visit: Visit, new_seed: bool, path: str | None, start: float, length: float, request: gr.Request, *values: Any
    ) -> list[Any]:
        context.remember(request.session_hash, visit)
        *settings, heard = values
        made_ahead, visit.opening = visit.opening, None
        is_heard = made_ahead is not None and made_ahead.id == heard
        if new_seed:
            settings[SEED] = made_ahead.settings.seed if made_ahead is not None and is_heard else draw_seed()
        run = visit.begin()
        # Kept with the run: where another one is asked for while this waits, the page has moved on.
        run.inputs = (path, start, length, tuple(settings))
        run.opening = made_ahead if is_heard else None
        return [settings[SEED], *show_busy("Waiting for the model")]

    def work(visit: Visit) -> Iterator[Any]:
        run = visit.run
        if run is None or not run.inputs:
            return
        path, start, length, values = run.inputs
        visit.ensure_loaded(path)
        yield from run_updates(context, visit, start, length, values, panel)

    def stop(visit: Visit) -> list[Any]:
        is_busy = visit.run is not None
        visit.cancel()
        go, cancel, note, _ = show_idle(CANCELLED)
        return [go, cancel, note if is_busy else gr.skip(), gr.skip()]

    def go_on(index: int) -> Any:
        def begin_onward(visit: Visit, new_seed: bool, request: gr.Request, *values: Any) -> list[Any]:
            try:
                onward = onward_prompt(visit, index, float(values[SECONDS]), context.engine)
            except UndertoneError as error:
                return [*[gr.skip()] * 3, *show_idle(Note("problem", str(error)))]
            if onward is None:
                return [gr.skip()] * (3 + len(panel.outputs))
            visit.saved_cut = onward.start, onward.length  # the clip is shown with this cut
            busy = begin(visit, new_seed, onward.path, onward.start, onward.length, request, *values, "")
            return [onward.path, None, *busy]

        return begin_onward

    def begin_others(visit: Visit, request: gr.Request) -> list[Any]:
        context.remember(request.session_hash, visit)
        visit.begin()
        return show_busy("Waiting for the model")

    def work_others(visit: Visit) -> Iterator[Any]:
        yield from other_updates(context, visit, panel)

    def show_result(visit: Visit) -> Iterator[Any]:
        yield from result_updates(context, visit, panel, take_cards, figure)

    presses = [
        panel.go.click(
            begin,
            [visit, controls.new_seed, prompt.clip, prompt.start, prompt.length, *controls.inputs, opening.chosen],
            [controls.seed, *panel.outputs],
            js=PLAY_JS,
            **QUIET,
        )
    ]
    for index, card in enumerate(take_cards.cards):
        presses.append(
            card.onward.click(
                go_on(index),
                [visit, controls.new_seed, *controls.inputs],
                [prompt.clip, prompt.examples, controls.seed, *panel.outputs],
                js=ONWARD_JS,
                **QUIET,
            )
        )
    # Not `cancels=`: reports on their way when it cuts a run off arrive after the answer to the press, and stay. A run
    # that is told to stop ends by saying so, after its last report. The press is answered with the very same words, as
    # its answer may be shown after them.
    works = [work] * len(presses)
    if take_cards.others is not None:
        presses.append(take_cards.others.click(begin_others, visit, panel.outputs, js=OTHERS_JS, **QUIET))
        works.append(work_others)
    ends = []
    for started, worker in zip(presses, works, strict=True):
        worked = started.then(
            worker,
            visit,
            panel.outputs,  # at every report a browser goes through all that an event may change
            concurrency_id=MODEL_QUEUE,
            concurrency_limit=MAX_WAITING,  # they wait in the one queue of all pages
            show_progress="hidden",
            # A run that was cancelled while it waited is still in the queue when the next begins.
            trigger_mode="multiple",
        )
        # The model is free for the next visitor meanwhile.
        ends.append(
            worked.then(
                show_result,
                visit,
                [*panel.outputs, *take_cards.outputs, *figure.outputs],
                concurrency_limit=MOST_DRAWN,
                show_progress="hidden",
                trigger_mode="multiple",
            )
        )
    panel.cancel.click(stop, visit, panel.outputs, js=PAUSE_JS, **QUIET)
    return ends


@dataclass(frozen=True)
class _Work:
    """What a run does once it is its turn.

    Attributes:
        speech_seconds: that it makes.
        reports: of its progress; the last one has the takes.
        keep: keeps the takes with the visit.
    """

    speech_seconds: float
    reports: Iterator[GenerationProgress]
    keep: Callable[[tuple[Take, ...]], None]


def run_updates(
    context: Context,
    visit: Visit,
    start: float,
    length: float,
    values: tuple[Any, ...],
    panel: RunPanel,
) -> Iterator[dict[Any, Any]]:
    """Yield what the run panel shows while the model works. Its takes are then in `Visit.to_show`, if it has any."""

    def plan(run: Run, broadcast: Broadcast) -> _Work | Note:
        if visit.clip is None and visit.clip_error is None:
            return NO_CLIP
        note = judge_cut(start, length, visit, context.limits)
        if note.tone == "problem":
            return note
        prompt = visit.prompt(start, start + length, context.limits)
        settings = read_settings(visit.saved.sampling if visit.saved else None, context.engine.own_guidance, *values)
        if run.opening is not None and run.opening.begins(prompt, settings):
            run.opening.lead(broadcast)
        return _Work(
            settings.seconds * settings.num_takes,
            continue_prompt(context.engine, prompt, settings, run, broadcast, context.analyses.speech),
            lambda takes: visit.keep(with_prompt_take(takes, visit, run.inputs[0] if run.inputs else None), prompt),
        )

    yield from _updates(context, visit, plan, panel)


def other_updates(context: Context, visit: Visit, panel: RunPanel) -> Iterator[dict[Any, Any]]:
    """Yield what the run panel shows while other systems go on from the shown run's prompt."""

    def plan(run: Run, broadcast: Broadcast) -> _Work | Note:
        shown = visit.shown
        if shown is None or shown.systems or shown.prompt is None:
            return NO_TAKE
        systems, prompt = compared(context), shown.prompt
        names = (context.engine.bundle.config.model.system, *(system.name for system in systems))
        return _Work(
            shown.takes[0].settings.seconds * len(systems),
            others_go_on(context, shown, run),
            lambda takes: visit.keep(list(takes), prompt, names),
        )

    yield from _updates(context, visit, plan, panel)


def result_updates(
    context: Context, visit: Visit, panel: RunPanel, take_cards: TakeCards, figure: FigurePanel
) -> Iterator[dict[Any, Any]]:
    """Yield what shows the run that has just finished, the takes first; nothing where none has."""
    if visit.to_show is None:
        return
    visit.to_show = None
    note = FAULT
    try:
        yield _by_widget(take_cards.outputs, show_takes(context, take_cards, visit))
        yield show_words(context, take_cards, visit) | _by_widget(figure.outputs, show_figure(context, visit))
        note = _done_note(visit)
    except UndertoneError as error:
        note = Note("problem", str(error))
    except Exception:
        log.exception("a run of the Continue page could not be shown")
    if visit.run is None:  # else the panel is that of the next run
        go, cancel, said, _ = show_idle(note)
        yield {panel.go: go, panel.cancel: cancel, panel.note: said}


def _updates(
    context: Context, visit: Visit, plan: Callable[[Run, Broadcast], _Work | Note], panel: RunPanel
) -> Iterator[dict[Any, Any]]:
    """Yield what the run panel shows from the turn of the visit's run until its takes are there, or why there are none.

    Args:
        plan: returns what is to be done, or a note that says why nothing can be.
    """
    run = visit.run
    if run is None or not run.start():
        if run is not None and RUNS.are_ending:  # it waited for its turn when the server was told to end
            yield _by_widget(panel.outputs, show_idle(RESTARTING, Broadcast()))
        return
    broadcast = Broadcast()
    try:
        work = plan(run, broadcast)
        if isinstance(work, Note):
            yield _by_widget(panel.outputs, show_idle(work, broadcast))
            return
        with context.queue.turn(id(visit), work.speech_seconds) as turn:
            for place in turn.places(CallProgress(run.stop.is_set)):
                yield _by_widget(panel.reports, show_report(place.text, None, broadcast))
            told, told_chunks = 0.0, 0
            for progress in work.reports:
                if not progress.takes:
                    is_first_sound = broadcast.chunks and not told_chunks
                    pause = SECOND_REPORT_SECONDS if told_chunks == 1 else REPORT_SECONDS
                    if not is_first_sound and time.monotonic() - told < pause:
                        continue  # its sound goes with the next report; the first sound goes at once
                    told, told_chunks = time.monotonic(), len(broadcast.chunks)
                    yield _by_widget(panel.reports, show_report(progress.text, progress.fraction, broadcast))
                else:
                    work.keep(progress.takes)
                    yield _by_widget(panel.reports, show_report("Drawing the picture", 1.0, broadcast, done=True))
                    return
        yield from _cancelled(visit, run, panel, broadcast)
    except Cancelled:
        yield from _cancelled(visit, run, panel, broadcast)
    except UndertoneError as error:
        yield _by_widget(panel.outputs, show_idle(Note("problem", str(error)), broadcast))
    except Exception:
        log.exception("a run of the Continue page failed")
        yield _by_widget(panel.outputs, show_idle(FAULT, broadcast))
    finally:
        visit.finish(run)


def _cancelled(visit: Visit, run: Run, panel: RunPanel, broadcast: Broadcast) -> Iterator[dict[Any, Any]]:
    if visit.run is run:  # else a newer one is on its way and says so itself
        yield _by_widget(panel.outputs, show_idle(RUNS.word(CANCELLED), broadcast))


def _done_note(visit: Visit) -> Note:
    count = len(visit.takes)
    if visit.shown is not None and visit.shown.systems:
        text = f"{count} systems went on from the same prompt with seed {visit.takes[1].settings.seed}."
        return Note("good", text, link=("Listen below", "#take-cards"))
    text = f"{count} take{'s' if count > 1 else ''} made with seed {visit.takes[0].settings.seed}."
    again = describe_outcome(visit.saved, visit.takes) if visit.saved is not None else None
    return Note("good", f"{text} {again}" if again else text, link=("Listen below", "#take-cards"))


def _by_widget(outputs: list[Any], updates: list[Any]) -> dict[Any, Any]:
    return dict(zip(outputs, updates, strict=True))
