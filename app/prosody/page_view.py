"""Everything on the page, and the updates that show where a visit stands. Nothing here works or waits."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from undertone.app.prosody.delivery_widgets import DeliveryWidgets
from undertone.app.prosody.edit_state import NotYetError
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.editor_widgets import EditorWidgets
from undertone.app.prosody.output_widgets import OutputWidgets
from undertone.app.prosody.status import StatusLine, Updates
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.context import Context
from undertone.app.shared.widgets import Note
from undertone.engine import UndertoneError

NO_SPEECH = Note("warning", "There is no speech yet. Choose some in step 1 and press Analyse.")


@dataclass(frozen=True)
class PageView:
    """The page's widgets and the state of the visit that they show."""

    context: Context
    visit: gr.State
    status: StatusLine
    editor: EditorWidgets
    delivery: DeliveryWidgets
    output: OutputWidgets

    @property
    def outputs(self) -> list[Any]:
        """Return the widgets that a new sound may change."""
        parts = (self.status, self.editor, self.editor.range_tool, self.editor.word_tool, self.delivery, self.output)
        return [widget for part in parts for widget in part.outputs]

    def show_idle(self, visit: ProsodyVisit, note: Note | None) -> Updates:
        """Show that nothing is under way, and a note that stays until the next task."""
        visit.last_note = note
        return self.status.show_idle(note)

    def show_refusal(self, visit: ProsodyVisit, error: UndertoneError) -> Updates:
        """Show what a person can change, and the page as it was; a task that is under way goes on."""
        with visit.lock:
            visit.last_note = Note("warning" if isinstance(error, NotYetError) else "problem", str(error))
            show = self.status.show_note if visit.is_busy else self.status.show_idle
            return show(visit.last_note) | self.show_controls(visit)

    def show_controls(self, visit: ProsodyVisit) -> Updates:
        """Show where everything stands that can be moved."""
        if visit.editing is None:
            return {}
        return self.editor.show_controls(visit, visit.editing) | self.delivery.show(visit.editing)

    def show_source(self, visit: ProsodyVisit, editing: EditingSession) -> Updates:
        """Show a new recording: its sounds, its cards, and no range, draw or take of the one before."""
        return (
            self.editor.show_source(visit, editing)
            | self.show_controls(visit)
            | self.editor.range_tool.show(editing)
            | self.editor.word_tool.show(editing, self.context.words)
            | self.delivery.clear_draws()
            | self.output.show_continued(visit)
        )

    def show_picture(self, visit: ProsodyVisit, editing: EditingSession) -> Updates:
        """Show the figure, the numbers and the files of the sound that is shown."""
        visit.picture_state = editing.shown
        return self.editor.show_picture(editing, self.context.unit_names) | self.output.show(visit, editing)

    def show_visit(self, visit: ProsodyVisit, with_sound: bool = True) -> Updates:
        """Show the page as it is when nothing is under way: what it has not got yet is sent.

        Args:
            with_sound: sound, picture and files too. Only work says it, whose reports come in the order in which they
                were made; the answer to a press may come after a newer one.
        """
        with visit.lock:
            editing, updates = visit.editing, self.status.show_idle(visit.last_note)
            if editing is None or not visit.is_source_sent:
                return updates
            updates |= self.show_controls(visit)
            if with_sound and visit.sound_state != editing.shown:
                updates |= self.editor.show_sound(visit, editing)
            if with_sound and visit.picture_state != editing.shown:
                updates |= self.show_picture(visit, editing)
            return updates
