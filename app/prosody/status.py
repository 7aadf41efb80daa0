"""The bar that says what is going on, how far it is, and stops it. The widgets."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from undertone.app.shared.widgets import Note, progress_bar

Updates = dict[Any, Any]
NOTHING: Updates = gr.skip()  # the page stays as it is


@dataclass(frozen=True)
class StatusLine:
    """The widgets."""

    note: gr.HTML
    cancel: gr.Button

    @property
    def outputs(self) -> list[Any]:
        return [self.note, self.cancel]

    def busy(self, text: str) -> Updates:
        """Show that something runs from now on."""
        # Its word too: Gradio drops it where the button was never shown before its first update.
        return self.progress(text) | {self.cancel: gr.update(value="Cancel", visible=True)}

    def progress(self, text: str, fraction: float | None = None) -> Updates:
        """Show how far it is; the button beside it is left alone, as somebody may be about to press it."""
        return {self.note: progress_bar(text, fraction)}

    def say(self, note: Note | None) -> Updates:
        """Show a note alone."""
        return {self.note: "" if note is None else note.html()}

    def idle(self, note: Note | None = None) -> Updates:
        """When nothing runs."""
        return self.say(note) | {self.cancel: gr.update(visible=False)}


def build_status() -> StatusLine:
    """Lay it out; it stays in sight at the window's lower edge."""
    with gr.Row(elem_id="prosody-status", equal_height=True):
        note = gr.HTML("", elem_id="prosody-note", min_width=200)
        cancel = gr.Button("Cancel", visible=False, size="sm", elem_id="cancel", min_width=90)
    return StatusLine(note, cancel)
