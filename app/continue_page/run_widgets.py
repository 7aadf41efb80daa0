"""Step 2: the run of a continuation, with its button, its progress and its live sound. The widgets."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from undertone.app.shared.live_player import Broadcast, live_player
from undertone.app.shared.widgets import Note, progress_bar


@dataclass(frozen=True)
class RunPanel:
    """The widgets of a run: its buttons, its note and the live player."""

    go: gr.Button
    cancel: gr.Button
    note: gr.HTML
    live: gr.HTML
    replay: gr.UploadButton

    @property
    def outputs(self) -> list[Any]:
        """Return the widgets that the beginning and the end of a run change."""
        return [self.go, self.cancel, *self.reports]

    @property
    def reports(self) -> list[Any]:
        """Return the widgets that change in between; a button drawn anew at every report would lose clicks."""
        return [self.note, self.live]


def build_run_panel() -> RunPanel:
    """Lay the panel out, inside the current column."""
    with gr.Row(elem_classes="go-row"):
        go = gr.Button("Continue", variant="primary", size="lg", elem_id="go")
        cancel = gr.Button("Cancel", variant="secondary", size="lg", visible=False, elem_id="cancel")
    note = gr.HTML("", elem_id="run-note")
    live = live_player()
    replay = gr.UploadButton(
        "Load saved settings", file_types=[".json"], size="sm", variant="secondary", elem_id="replay", type="binary"
    )
    return RunPanel(go, cancel, note, live, replay)


def show_busy(text: str) -> list[Any]:
    """Return the updates of the run panel when a run begins."""
    return [gr.update(visible=False), gr.update(visible=True), progress_bar(text), gr.skip()]


def show_report(text: str, fraction: float | None, broadcast: Broadcast, done: bool = False) -> list[Any]:
    """Return the updates of `RunPanel.reports` while a run is under way; `done` where no more sound comes."""
    return [progress_bar(text, fraction), broadcast.value(done)]


def show_idle(note: Note, broadcast: Broadcast | None = None) -> list[Any]:
    """Return the updates of the run panel when nothing is under way."""
    live = None if broadcast is None else broadcast.value(done=True)
    return [gr.update(visible=True), gr.update(visible=False), note.html(), live]
