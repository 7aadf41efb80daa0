"""Everything on the page, and the one way from a changed arrangement to what is heard, seen and kept."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import gradio as gr

from app.context import MODEL_QUEUE, Context
from app.prosody.arrangement import Arrangement
from app.prosody.bench import Bench
from app.prosody.keeping import Keeping
from app.prosody.otherwise import Otherwise
from app.prosody.range_tool import RangeTool
from app.prosody.status import Status, Updates
from app.prosody.visit import Kind, ProsodyVisit, Task
from app.prosody.workbench import Workbench
from app.prosody.working import reported
from app.widgets import QUIET, Note
from engine import UndertoneError
from engine.prosody import Rendering

NO_BENCH = Note("problem", "There is no speech yet. Choose some in step 1 and press Analyse.")
Result = TypeVar("Result")
Change = Callable[[Bench], Arrangement]
Work = Callable[..., Iterator[Updates]]


@dataclass(frozen=True)
class Parts:
    """The page's widgets and whom they belong to."""

    context: Context
    visit: gr.State
    status: Status
    workbench: Workbench
    range_tool: RangeTool
    otherwise: Otherwise
    keeping: Keeping

    @property
    def outputs(self) -> list[Any]:
        """What a new sound may change."""
        parts = (self.status, self.workbench, self.range_tool, self.otherwise, self.keeping)
        return [widget for part in parts for widget in part.outputs]

    def work(
        self, started: Any, kind: Kind, work: Work, inputs: list[Any] | None = None, outputs: list[Any] | None = None
    ) -> Any:
        """Bind heavy work behind the quick step that starts a task of this kind.

        It waits for the model and ends when the visitor wishes.

        Args:
            work: given the visit, the task and the values of `inputs`.
        """

        def run(visit: ProsodyVisit, *values: Any) -> Iterator[Updates]:
            yield from self.status.run(visit, kind, work, *values)

        return started.then(
            run,
            [self.visit, *(inputs or [])],
            self.outputs if outputs is None else [*self.status.outputs, *outputs],
            concurrency_id=MODEL_QUEUE,
            concurrency_limit=self.context.concurrency,
            show_progress="hidden",
        )

    def render_after(self, event: Any, change: Callable[..., Change], inputs: list[Any] | None = None) -> None:
        """Bind an event that changes the arrangement: history at once, sound and picture when they are made.

        Args:
            change: given the visit and the values of `inputs`, says what becomes of the bench's arrangement.
        """

        def commit(visit: ProsodyVisit, *values: Any) -> Updates:
            return self.commit(visit, lambda bench: change(visit, *values)(bench))

        self.work(event(commit, [self.visit, *(inputs or [])], self.outputs, **QUIET), "render", self.render)

    def commit(self, visit: ProsodyVisit, change: Change, sliders: bool = True) -> Updates:
        """Take a new arrangement into the history and begin a run for it.

        Args:
            sliders: whether the browser must move them; not where it was the browser that moved them.
        """
        bench = visit.bench
        if bench is None:
            return self.status.idle(NO_BENCH)
        try:
            bench.history.push(change(bench))
        except UndertoneError as error:
            return self.status.problem(error) | self.workbench.show_controls(visit, bench)
        visit.start("render")
        controls = self.workbench.show_controls(visit, bench)
        if not sliders:
            del controls[self.workbench.desk]
        return self.status.busy("Waiting for the model") | controls | self.otherwise.show(bench)

    def render(self, visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        """Sound first, then the picture, the numbers and the files."""
        bench = visit.bench
        if bench is None:
            return
        yield from self.make(task, bench, bench.now, "Speaking")
        if not task.run.stop.is_set():
            yield from self.show(visit, bench)

    def show(self, visit: ProsodyVisit, bench: Bench, note: Note | None = None) -> Iterator[Updates]:
        """The sound that has been made."""
        yield self.workbench.show_sound(visit, bench) | self.status.progress("Measuring", 1.0)
        yield (
            self.workbench.show_picture(bench, self.context.unit_names)
            | self.keeping.show(visit, bench)
            | self.status.idle(note)
        )

    def make(self, task: Task, bench: Bench, wanted: Arrangement, text: str) -> Generator[Updates, None, Rendering]:
        """A rendering at full quality, with its progress."""
        work = reported(task.run, lambda watch: bench.render(self.context.engine, wanted, watch))
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
