"""Step 2, the editor: the player, the figure, the numbers and the cards. The widgets, and their updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.components.plot import PlotData

from undertone.app.prosody.browser_events import channel
from undertone.app.prosody.cards import Card, Move, sorted_cards
from undertone.app.prosody.comparison_figure import Side, comparison_figure
from undertone.app.prosody.edit_state import EditState, duration_text, range_edit_text
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.measures import Measures, changes_html
from undertone.app.prosody.range_tool import RangeTool, build_range_tool
from undertone.app.prosody.status import Updates
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.prosody.word_tool import WordTool, build_word_tool
from undertone.app.shared.live_player import samples_text
from undertone.app.shared.plots import figure_json
from undertone.app.shared.widgets import AWAY, scripted_html, show_container, step_heading
from undertone.engine.prosody import Rendering

_PLAYER = """
<div class="tools listen" role="group" aria-label="Player">
  <button type="button" class="listen-play">Play</button>
  <span class="listen-versions" role="group" aria-label="Which version">
    <button type="button" data-version="recording" aria-pressed="false" hidden>Recording</button>
    <button type="button" data-version="before" aria-pressed="false">Before</button>
    <button type="button" data-version="after" aria-pressed="true">After</button>
  </span>
  <span class="listen-time"></span><span class="listen-caption" role="status"></span>
  <span class="listen-options">
    <label class="listen-loop"><input type="checkbox"> Loop</label>
    <label class="listen-follow"><input type="checkbox" checked> Play while I move</label>
  </span>
</div>
"""
_CARDS = """
<div class="tools cards">
  <p class="hint">Each card moves one part of how it is said. Shift is in σ: 1 σ is how much that usually varies in
  speech, and most speech stays inside the shaded part.</p>
  <div class="card-bar">
    <button type="button" class="card-reset-all">Reset all</button>
    <button type="button" class="card-surprise">Surprise me</button>
  </div>
  <div class="card-range-edits" role="group" aria-label="Edits drawn on the curves"></div>
  <div class="card-morph" hidden>
    <span class="card-part" aria-hidden="true">Morph</span>
    <input type="range" min="0" max="1" step="0.05" aria-label="Morph from this recording to the second one">
    <output></output>
  </div>
  <div class="card-list is-folded"></div>
  <button type="button" class="card-all" hidden></button>
</div>
"""
_RANGE = """
<div class="tools range-bar">
  <span role="group" aria-label="Dragging over the figure">
    <button type="button" data-mode="select" aria-pressed="true">Choose a range</button>
    <button type="button" data-mode="zoom" aria-pressed="false">Zoom</button>
  </span>
  <span class="range-caption" role="status"></span>
</div>
"""


@dataclass(frozen=True)
class EditorWidgets:
    """The widgets of the editor."""

    section: gr.Column
    undo: gr.Button
    redo: gr.Button
    source: gr.HTML
    edited: gr.HTML
    draft: gr.HTML
    audition: gr.HTML
    cards: gr.HTML
    range: gr.HTML
    plot: gr.Plot
    numbers: gr.HTML
    range_tool: RangeTool
    word_tool: WordTool

    @property
    def outputs(self) -> list[Any]:
        return [self.section, *self.controls, self.source, self.edited, self.range, self.plot, self.numbers]

    @property
    def controls(self) -> list[Any]:
        """Return the widgets that show where the sliders stand."""
        return [self.undo, self.redo, self.cards]

    def show_source(self, visit: ProsodyVisit, editing: EditingSession) -> Updates:
        """Show a new recording: its sound and its reconstruction."""
        recording = editing.original.recording
        sounds = {
            "serial": visit.next_serial(),
            "recording": None if recording is None else samples_text(recording),
            "before": samples_text(editing.before.audio),
        }
        visit.is_source_sent, visit.sound_state = True, None
        return {self.section: show_container(True), self.source: sounds}

    def show_controls(self, visit: ProsodyVisit, editing: EditingSession) -> Updates:
        """Show where the sliders stand; the browser keeps what has been moved there since."""
        history = editing.history
        return {
            self.cards: cards_value(editing, visit.next_serial(), visit.sequence, not visit.is_busy),
            # Their words too: Gradio drops them where the button was never shown before its first update.
            self.undo: gr.update(value="Undo", interactive=history.can_undo),
            self.redo: gr.update(value="Redo", interactive=history.can_redo),
        }

    def show_sound(self, visit: ProsodyVisit, editing: EditingSession) -> Updates:
        """Send the sound at full quality to the player."""
        visit.sound_state = editing.shown
        samples = samples_text(editing.rendered[editing.shown].audio)
        return {self.edited: {"serial": visit.next_serial(), "after": samples}}

    def show_draft(self, visit: ProsodyVisit, token: int, rendering: Rendering) -> Updates:
        """Send a draft to the player, while a slider moves."""
        visit.sound_state = None
        samples = samples_text(rendering.audio)
        return {self.draft: {"serial": visit.next_serial(), "token": token, "samples": samples}}

    def show_picture(self, editing: EditingSession, unit_names: Sequence[str]) -> Updates:
        """Show the figure and the numbers; measures both sounds where that has not been done."""
        before, after = editing.measures(EditState()), editing.measures(editing.shown)
        tracks = [
            (card.dimension, card.id, card.title) for card in sorted_cards(editing.cards) if card.dimension is not None
        ]
        sides = _side(editing.before, before), _side(editing.rendered[editing.shown], after)
        figure, axes = comparison_figure(*sides, tracks, unit_names)
        known = {card.id for card in editing.cards}
        return {
            self.plot: PlotData(type="plotly", plot=figure_json(figure)),
            self.range: {"axes": {axis: card for axis, card in axes.items() if card in known}},
            self.numbers: changes_html(before, after),
        }


def build_editor() -> EditorWidgets:
    """Lay the editor out; hidden until something has been analysed."""
    source, edited, draft, audition = (channel(name) for name in ("source", "edited", "draft", "audition"))
    with gr.Column(elem_id="editor", elem_classes=AWAY) as section:  # its scripts run from the start
        step_heading(2, "Move it, hear it, see it")
        _script_widget(_PLAYER, "listen", "player.js")
        with gr.Row(elem_classes="columns"):
            with gr.Column(scale=6, min_width=320, elem_id="figure-side"):
                numbers = gr.HTML(elem_id="prosody-numbers")
                word_tool = build_word_tool()
                range_bar = _script_widget(_RANGE, "range", "range.js")
                plot = gr.Plot(show_label=False, label="Before and after", elem_id="prosody-figure")
                range_tool = build_range_tool()
            with gr.Column(scale=5, min_width=320, elem_id="cards-side"):
                with gr.Row(elem_classes="history"):
                    undo = gr.Button("Undo", size="sm", interactive=False, elem_id="undo", min_width=80)
                    redo = gr.Button("Redo", size="sm", interactive=False, elem_id="redo", min_width=80)
                cards = _script_widget(_CARDS, "cards", "cards.js")
    return EditorWidgets(
        section, undo, redo, source, edited, draft, audition, cards, range_bar, plot, numbers, range_tool, word_tool
    )


def cards_value(editing: EditingSession, revision: int, sequence: int = 0, idle: bool = True) -> dict[str, Any]:
    """Return the value of the cards' widget.

    Args:
        revision: number of this value; the browser leaves out what is older than what it has.
        sequence: of the browser's newest step that is in it.
        idle: whether nothing is under way.
    """
    now = editing.now
    return {
        "revision": revision,
        "session": editing.number,
        "sequence": sequence,
        "idle": idle,
        "edit_state": str(hash(now)),
        "cards": [_card_value(card) for card in sorted_cards(editing.cards)],
        "values": {card.id: _values(now.move(card)) for card in editing.cards},
        "range_edits": [
            *(range_edit_text(edit, editing.cards) for edit in now.range_edits),
            *map(duration_text, now.durations.changes),
        ],
        "morph": now.morph,
    }


def _card_value(card: Card) -> dict[str, Any]:
    names = ("id", "name", "title", "tag", "plain", "evidence", "basis", "low", "high")
    expected = None if card.expected is None else card.expected.text
    band = [round(edge, 2) for edge in card.band]
    return {name: getattr(card, name) for name in names} | {"expected": expected, "band": band}


def _values(move: Move) -> list[float]:
    return [move.shift, move.scale, move.smoothing_seconds]


def _side(rendering: Rendering, measures: Measures) -> Side:
    speech = rendering.speech
    return Side(
        mel=speech.mel.numpy(),
        pitch_hz=measures.pitch_hz.numpy(),
        energy_db=measures.energy.numpy(),
        latents=speech.latents.numpy().astype(np.float32),
        tokens=speech.tokens.numpy(),
    )


def _script_widget(template: str, name: str, script: str) -> gr.HTML:
    return scripted_html(
        template,
        Path(__file__).with_name(script),
        elem_id=f"prosody-{name}",
    )
