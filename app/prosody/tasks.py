"""Tasks of a visit, from a press to the end of its work.

A task is taken once, and whatever happens to it, the page ends in one consistent state. A press is answered at once,
in any order; its work waits for the model. Cards, history, sound, picture, numbers and files agree whenever nothing is
under way: a task that ends shows them, and one that is cancelled or fails takes the edit state back to the one that is
shown.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from undertone.app.prosody.background import run_in_thread
from undertone.app.prosody.edit_state import EditState
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.page_view import NO_SPEECH, PageView
from undertone.app.prosody.status import Updates
from undertone.app.prosody.visit import Kind, ProsodyVisit, Task
from undertone.app.shared.context import MODEL_QUEUE
from undertone.app.shared.model_queue import MAX_WAITING
from undertone.app.shared.runs import RESTARTING, RUNS
from undertone.app.shared.widgets import EVERY, Note
from undertone.engine import CallProgress, Cancelled, UndertoneError
from undertone.engine.prosody import Rendering

Result = TypeVar("Result")
Change = Callable[[EditingSession], EditState]
Work = Callable[..., Iterator[Updates]]
WAITING = "Waiting for the model"
SPEECH_SECONDS = 5.0  # of a usual task, for what others are told of their wait
CANCELLED = Note("quiet", "Cancelled. What you hear and see is what was there before.")
FAULT = Note("problem", "This went wrong on the server. What you hear and see is what was there before; try again.")
FROM_SHOWN: tuple[Kind, ...] = ("audition", "draw", "second", "continue")  # they begin from what the page shows
log = logging.getLogger(__name__)


# ---------------------------------------------------------------------------------------------------------------
# Bindings


def bind_task(
    view: PageView,
    started: Any,
    kind: Kind,
    work: Work,
    inputs: list[Any] | None = None,
    outputs: list[Any] | None = None,
) -> None:
    """Bind heavy work behind the press that starts a task of this kind; it waits for the model.

    Args:
        work: given the visit, the task and the values of `inputs`.
        outputs: beside what a new sound may change.
    """

    def run(visit: ProsodyVisit, *values: Any) -> Iterator[Updates]:
        yield from run_task(view, visit, kind, work, *values)

    started.then(
        run,
        [view.visit, *(inputs or [])],
        [*view.outputs, *(outputs or [])],
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=MAX_WAITING,  # they wait in the one queue of all pages
        show_progress="hidden",
        trigger_mode="multiple",  # Gradio drops what comes while the run before it, which is being stopped, ends
    )


def bind_button(view: PageView, button: Any, kind: Kind, work: Work, inputs: list[Any]) -> None:
    """Bind a button whose work begins from what the page shows."""

    def start(visit: ProsodyVisit) -> Updates:
        if visit.editing is None:
            return view.show_idle(visit, NO_SPEECH)
        visit.start(kind, visit.editing.now)
        return view.status.show_busy(WAITING)

    bind_task(view, button.click(start, view.visit, view.status.outputs, **EVERY), kind, work, inputs)


def bind_change(view: PageView, event: Any, change: Callable[..., EditState], inputs: list[Any] | None = None) -> None:
    """Bind an event that changes the edit state: history at once, sound and picture when they are made.

    Args:
        change: given the editing session and the values of `inputs`, returns the new edit state.
    """

    def commit(visit: ProsodyVisit, *values: Any) -> Updates:
        return commit_change(view, visit, lambda editing: change(editing, *values))

    bind_render(view, event(commit, [view.visit, *(inputs or [])], view.outputs, **EVERY))


def bind_render(view: PageView, started: Any) -> None:
    """Bind the rendering of the edit state behind the press that changes it."""

    def work(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        if visit.editing is not None and task.edit_state is not None:
            yield from render_for_task(view, task, visit.editing, task.edit_state)
            yield from show_rendering(view, visit, task, visit.editing, task.edit_state)

    bind_task(view, started, "render", work)


def bind_cancel(view: PageView) -> None:
    """Bind Cancel: it stops whatever runs; what can be heard and seen stays, and the cards go back to it."""

    def stop(visit: ProsodyVisit) -> Updates:
        with visit.lock:
            if visit.is_busy:
                visit.cancel()
                visit.return_to_shown(CANCELLED)
            return view.show_visit(visit, with_sound=False)

    bind_render(view, view.status.cancel.click(stop, view.visit, view.outputs, **EVERY))


def commit_change(view: PageView, visit: ProsodyVisit, change: Change) -> Updates:
    """Take a new edit state into the history and start its rendering."""
    with visit.lock:
        editing = visit.editing
        if editing is None:
            return view.show_idle(visit, NO_SPEECH)
        try:
            editing.history.push(change(editing))
        except UndertoneError as error:
            return view.show_refusal(visit, error)
        visit.start("render", editing.now)
        return view.status.show_busy(WAITING) | view.show_controls(visit)


# ---------------------------------------------------------------------------------------------------------------
# A task from its beginning to its end


def run_task(view: PageView, visit: ProsodyVisit, kind: Kind, work: Work, *values: Any) -> Iterator[Updates]:
    """Work for the visitor's task, unless it was replaced, cancelled or taken while this waited.

    Where nothing is under way then, the page is shown as it is: an answer that came late may have said otherwise.
    """
    task = visit.current_task(kind)
    if task is not None and task.run.start():
        yield from guard_task(view, visit, task, _in_turn(view, visit, task, work(visit, task, *values)))
    elif not visit.is_busy:
        if RUNS.are_ending:  # it waited for its turn when the server was told to end
            visit.return_to_shown(RESTARTING)
        yield view.show_visit(visit)


def _in_turn(view: PageView, visit: ProsodyVisit, task: Task, work: Iterator[Updates]) -> Iterator[Updates]:
    """Yield the place in the queue before the model, then the work."""
    with view.context.queue.turn(id(visit), SPEECH_SECONDS) as turn:
        for place in turn.places(CallProgress(task.run.stop.is_set)):
            yield view.status.show_progress(place.text)
        yield from _from_shown(view, visit, task, work)


def _from_shown(view: PageView, visit: ProsodyVisit, task: Task, work: Iterator[Updates]) -> Iterator[Updates]:
    """Yield the work; where the task took the place of a rendering, that is made and shown first."""
    editing, wanted = visit.editing, task.edit_state
    if task.kind in FROM_SHOWN and editing is not None and wanted is not None and wanted != editing.shown:
        yield from render_for_task(view, task, editing, wanted)
        yield from show_rendering(view, visit, task, editing, wanted, ends=False)
    yield from work


def guard_task(view: PageView, visit: ProsodyVisit, task: Task, work: Iterator[Updates]) -> Iterator[Updates]:
    """Pass on what the work for a task shows; errors become notes, and the task's run ends with it."""
    try:
        yield from work
    except Cancelled:
        yield from _give_up(view, visit, task, RUNS.word(CANCELLED))
    except UndertoneError as error:
        yield from _give_up(view, visit, task, Note("problem", str(error)))
    except Exception:
        log.exception("work of the kind %s on the Prosody page failed", task.kind)
        yield from _give_up(view, visit, task, FAULT)
    finally:
        visit.finish(task.run)


def _give_up(view: PageView, visit: ProsodyVisit, task: Task, note: Note) -> Iterator[Updates]:
    """Show the page as it was before, unless something newer is on its way, which says so itself."""
    with visit.lock:
        if visit.task is not task:
            return
        visit.finish(task.run)
        visit.return_to_shown(note)
        updates = view.show_visit(visit)
    yield updates


def report(
    view: PageView, task: Task, work: Callable[[CallProgress], Result], text: str
) -> Generator[Updates, None, Result]:
    """Do work in a thread, yield how far it is, and return its result.

    Raises:
        Cancelled: the visitor wishes no more.
    """
    fractions = run_in_thread(task.run, work)
    while True:
        try:
            fraction = next(fractions)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield view.status.show_progress(text, fraction)


def render_for_task(
    view: PageView, task: Task, editing: EditingSession, edit_state: EditState, text: str = "Speaking"
) -> Generator[Updates, None, Rendering]:
    """Yield the progress of a rendering at full quality, and return it."""
    return (yield from report(view, task, lambda progress: editing.render(edit_state, progress), text))


def show_rendering(
    view: PageView,
    visit: ProsodyVisit,
    task: Task,
    editing: EditingSession,
    edit_state: EditState,
    note: Note | None = None,
    ends: bool = True,
) -> Iterator[Updates]:
    """Show an edit state that has been rendered: its sound first, then picture, numbers and files.

    What the page shows changes here and nowhere else.

    Args:
        ends: whether this is the last thing that the task does.
    Raises:
        Cancelled: the visitor wishes no more.
    """
    with visit.lock:
        task.check()
        editing.shown = edit_state
        sound = view.editor.show_sound(visit, editing) | view.status.show_progress("Measuring", 1.0)
    yield sound
    editing.measures(edit_state)
    with visit.lock:
        updates = end_task(view, visit, task, note) if ends else {}
        updates |= view.show_picture(visit, editing) | view.show_controls(visit)
    yield updates


def end_task(view: PageView, visit: ProsodyVisit, task: Task, note: Note | None) -> Updates:
    """End a task well and show its note, unless something newer is on its way, or has been said meanwhile."""
    with visit.lock:
        if visit.task is not task or task.run.stop.is_set():
            return {}
        visit.finish(task.run)
        note = note or visit.last_note
        if task.kind == "draft" or visit.editing is None or visit.editing.now == visit.editing.shown:
            return view.show_idle(visit, note)  # a draft is of sliders that are about to be let go
        visit.return_to_shown(note)
        return view.show_visit(visit)
