"""Everything on the page, and the one way from a changed arrangement to what is heard, seen and kept."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import gradio as gr

from undertone.app.prosody import tasks as runs
from undertone.app.prosody.background import reported
from undertone.app.prosody.delivery_widgets import DeliveryWidgets
from undertone.app.prosody.edit_state import EditState, NotYetError
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.editor_widgets import EditorWidgets
from undertone.app.prosody.output_widgets import OutputWidgets
from undertone.app.prosody.range_tool import RangeTool
from undertone.app.prosody.status import StatusLine, Updates
from undertone.app.prosody.visit import Kind, ProsodyVisit, Task
from undertone.app.shared.context import MODEL_QUEUE, Context
from undertone.app.shared.widgets import EVERY, Note
from undertone.engine import Cancelled, UndertoneError
from undertone.engine.prosody import Rendering

NO_BENCH = Note("warning", "There is no speech yet. Choose some in step 1 and press Analyse.")
Result = TypeVar("Result")
Change = Callable[[EditingSession], EditState]


@dataclass(frozen=True)
class PageController:
    """The page's widgets and whom they belong to."""

    context: Context
    visit: gr.State
    status: StatusLine
    editor: EditorWidgets
    range_tool: RangeTool
    delivery: DeliveryWidgets
    output: OutputWidgets

    @property
    def outputs(self) -> list[Any]:
        """Return the widgets that a new sound may change."""
        controller = (self.status, self.editor, self.range_tool, self.delivery, self.output)
        return [widget for part in controller for widget in part.outputs]

    def work(
        self,
        started: Any,
        kind: Kind,
        work: runs.Work,
        inputs: list[Any] | None = None,
        outputs: list[Any] | None = None,
    ) -> Any:
        """Bind heavy work behind the quick step that starts a task of this kind.

        It waits for the model and ends when the visitor wishes.

        Args:
            work: given the visit, the task and the values of `inputs`.
            outputs: beside what a new sound may change.
        """

        def run(visit: ProsodyVisit, *values: Any) -> Iterator[Updates]:
            yield from runs.run_task(self, visit, kind, work, *values)

        return started.then(
            run,
            [self.visit, *(inputs or [])],
            [*self.outputs, *(outputs or [])],
            concurrency_id=MODEL_QUEUE,
            concurrency_limit=self.context.concurrency,
            show_progress="hidden",
            trigger_mode="multiple",  # Gradio drops what comes while the run before it, which is being stopped, ends
        )

    def render_after(self, event: Any, change: Callable[..., Change], inputs: list[Any] | None = None) -> None:
        """Bind an event that changes the arrangement: history at once, sound and picture when they are made.

        Args:
            change: given the visit and the values of `inputs`, says what becomes of the bench's arrangement.
        """

        def commit(visit: ProsodyVisit, *values: Any) -> Updates:
            return self.commit(visit, lambda editing: change(visit, *values)(editing))

        self.work(event(commit, [self.visit, *(inputs or [])], self.outputs, **EVERY), "render", self.render)

    def commit(self, visit: ProsodyVisit, change: Change) -> Updates:
        """Take a new arrangement into the history and begin a run for it."""
        with visit.lock:
            editing = visit.editing
            if editing is None:
                return self.idle(visit, NO_BENCH)
            try:
                editing.history.push(change(editing))
            except UndertoneError as error:
                return self.refused(visit, error)
            visit.start("render", editing.now)
            return self.status.busy("Waiting for the model") | self.controls(visit)

    def controls(self, visit: ProsodyVisit) -> Updates:
        """Return where everything stands that can be moved."""
        if visit.editing is None:
            return {}
        return self.editor.show_controls(visit, visit.editing) | self.delivery.show(visit.editing)

    def idle(self, visit: ProsodyVisit, note: Note | None) -> Updates:
        """Show that nothing is under way; what is said stays said until the next run."""
        visit.said = note
        return self.status.idle(note)

    def refused(self, visit: ProsodyVisit, error: UndertoneError) -> Updates:
        """Show what a person can change, and the page as it was; a run that is under way goes on."""
        with visit.lock:
            visit.said = Note("warning" if isinstance(error, NotYetError) else "problem", str(error))
            said = self.status.say(visit.said) if visit.under_way else self.status.idle(visit.said)
            return said | self.controls(visit)

    def settled(self, visit: ProsodyVisit, whole: bool = True) -> Updates:
        """Show the page as it is when nothing is under way: what it has not got yet is sent.

        Args:
            whole: sound, picture and files too. Only work says it, whose reports come in the order in which they were
                made; the answer to a press may come after a newer one.
        """
        with visit.lock:
            editing, updates = visit.editing, self.status.idle(visit.said)
            if editing is None or not visit.is_shown:
                return updates
            updates |= self.controls(visit)
            if whole and visit.heard != editing.shown:
                updates |= self.editor.show_sound(visit, editing)
            if whole and visit.seen != editing.shown:
                updates |= self.picture(visit, editing)
            return updates

    def picture(self, visit: ProsodyVisit, editing: EditingSession) -> Updates:
        """Figure, numbers and files of the sound that is shown."""
        visit.seen = editing.shown
        return self.editor.show_picture(editing, self.context.unit_names) | self.output.show(visit, editing)

    def render(self, visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        """Sound first, then the picture, the numbers and the files."""
        editing, wanted = visit.editing, task.edit_state
        if editing is not None and wanted is not None:
            yield from self.make(task, editing, wanted, "Speaking")
            yield from self.show(visit, task, editing, wanted)

    def catch_up(self, visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        """Work that took the place of a rendering makes it first, so that it begins from what the page shows."""
        editing, wanted = visit.editing, task.edit_state
        if editing is not None and wanted is not None and wanted != editing.shown:
            yield from self.make(task, editing, wanted, "Speaking")
            yield from self.show(visit, task, editing, wanted, ends=False)

    def show(
        self,
        visit: ProsodyVisit,
        task: Task,
        editing: EditingSession,
        made: EditState,
        note: Note | None = None,
        ends: bool = True,
    ) -> Iterator[Updates]:
        """Show an arrangement whose sound has been made; what the page shows changes here and nowhere else.

        Args:
            ends: whether this is the last thing that the task does.
        Raises:
            Cancelled: the visitor wishes no more.
        """
        with visit.lock:
            if task.run.stop.is_set():
                raise Cancelled
            editing.shown = made
            sound = self.editor.show_sound(visit, editing) | self.status.progress("Measuring", 1.0)
        yield sound
        editing.measures(made)
        with visit.lock:
            updates = self.done(visit, task, note) if ends else {}
            updates |= self.picture(visit, editing) | self.controls(visit)
        yield updates

    def done(self, visit: ProsodyVisit, task: Task, note: Note | None) -> Updates:
        """End a task well; said unless something newer is on its way, or has been said meanwhile."""
        with visit.lock:
            if visit.task is not task or task.run.stop.is_set():
                return {}
            visit.finish(task.run)
            said = note or visit.said
            if task.kind == "draft" or visit.editing is None or visit.editing.now == visit.editing.shown:
                return self.idle(visit, said)  # a draft is of sliders that are about to be let go
            visit.rest(said)
            return self.settled(visit)

    def make(
        self, task: Task, editing: EditingSession, wanted: EditState, text: str
    ) -> Generator[Updates, None, Rendering]:
        """Yield the progress of a rendering at full quality, and then its sound."""
        work = reported(task.run, lambda progress: editing.render(self.context.engine, wanted, progress))
        return (yield from self.progress(work, text))

    def progress(self, work: Generator[float, None, Result], text: str) -> Generator[Updates, None, Result]:
        """Show the fractions that work reports; returns its result."""
        while True:
            try:
                fraction = next(work)
            except StopIteration as end:
                result: Result = end.value
                return result
            yield self.status.progress(text, fraction)
