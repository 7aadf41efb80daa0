"""The bar that says what is going on, how far it is, and stops it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.prosody.visit import Kind, ProsodyVisit, Task
from app.widgets import QUIET, Note, progress_bar
from engine import UndertoneError
from engine.prosody import Cancelled

Updates = dict[Any, Any]
CANCELLED = Note("quiet", "Cancelled. What you hear and see is what was there before.")


@dataclass(frozen=True)
class Status:
    """The widgets."""

    note: gr.HTML
    cancel: gr.Button

    @property
    def outputs(self) -> list[Any]:
        return [self.note, self.cancel]

    def busy(self, text: str) -> Updates:
        """Something runs from now on."""
        # Its word too: Gradio drops it where the button was never shown before its first update.
        return self.progress(text) | {self.cancel: gr.update(value="Cancel", visible=True)}

    def progress(self, text: str, fraction: float | None = None) -> Updates:
        """How far it is; the button beside it is left alone, as somebody may be about to press it."""
        return {self.note: progress_bar(text, fraction)}

    def idle(self, note: Note | None = None) -> Updates:
        """When nothing runs."""
        return {self.note: "" if note is None else note.html(), self.cancel: gr.update(visible=False)}

    def problem(self, error: UndertoneError) -> Updates:
        """What a person can mend."""
        return self.idle(Note("problem", str(error)))

    def run(
        self, visit: ProsodyVisit, kind: Kind, work: Callable[..., Iterator[Updates]], *values: Any
    ) -> Iterator[Updates]:
        """Work for the visitor's task, unless it was replaced while this waited: the newer one is left alone."""
        task = visit.taken(kind)
        if task is not None:
            yield from self.guarded(visit, task, work(visit, task, *values))

    def guarded(self, visit: ProsodyVisit, task: Task, work: Iterator[Updates]) -> Iterator[Updates]:
        """Pass on what the work for a task shows; errors become notes, and the task's run ends with it."""
        try:
            yield from work
        except Cancelled:
            if visit.task is task:  # else something newer is on its way and says so itself
                yield self.idle(CANCELLED)
        except UndertoneError as error:
            yield self.problem(error)
        finally:
            visit.finish(task.run)


def build_status() -> Status:
    """Lay it out; it stays in sight at the window's lower edge."""
    with gr.Row(elem_id="prosody-status", equal_height=True):
        note = gr.HTML("", elem_id="prosody-note", min_width=200)
        cancel = gr.Button("Cancel", visible=False, size="sm", elem_id="cancel", min_width=90)
    return Status(note, cancel)


def bind_status(status: Status, visit: gr.State) -> None:
    """Cancel stops whatever runs; what can be heard and seen stays."""

    def stop(visit: ProsodyVisit) -> Updates:
        visit.cancel()
        return status.idle(CANCELLED)

    status.cancel.click(stop, visit, status.outputs, **QUIET)
