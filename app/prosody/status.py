"""The status bar: what is under way, how far it is, and Cancel. The widgets."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from undertone.app.shared.widgets import Note, progress_bar

Updates = dict[Any, Any]
NOTHING: Updates = gr.skip()  # the page stays as it is


@dataclass(frozen=True)
class StatusLine:
    """The widgets of the bar."""

    note: gr.HTML
    cancel: gr.Button

    @property
    def outputs(self) -> list[Any]:
        return [self.note, self.cancel]

    def show_busy(self, text: str) -> Updates:
        """Show that a task has begun, and Cancel."""
        # Its word too: Gradio drops it where the button was never shown before its first update.
        return self.show_progress(text) | {self.cancel: gr.update(value="Cancel", visible=True)}

    def show_progress(self, text: str, fraction: float | None = None) -> Updates:
        """Show how far a task is, a fraction of 1; Cancel is left alone, as somebody may be about to press it."""
        return {self.note: progress_bar(text, fraction)}

    def show_note(self, note: Note | None) -> Updates:
        """Show a note alone."""
        return {self.note: "" if note is None else note.html()}

    def show_idle(self, note: Note | None = None) -> Updates:
        """Show that nothing runs, and a note."""
        return self.show_note(note) | {self.cancel: gr.update(visible=False)}


def build_status() -> StatusLine:
    """Lay the bar out; it stays in sight at the window's lower edge."""
    with gr.Row(elem_id="prosody-status", equal_height=True):
        note = gr.HTML("", elem_id="prosody-note", min_width=200)
        cancel = gr.Button("Cancel", visible=False, size="sm", elem_id="cancel", min_width=90)
    return StatusLine(note, cancel)
