"""Drawing on a curve: a time range, chosen on the figure or typed, and what to do with one track in it."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from undertone.app.prosody.cards import Card, Move, sorted_cards
from undertone.app.prosody.edit_state import Edit, NotYetError
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.status import Updates
from undertone.engine import SettingsError

KINDS = {
    "shift": ("Shift", "Shift by, σ", (-4.0, 4.0, 0.1, 1.0)),
    "scale": ("Scale", "Movement, times as much", (-1.0, 3.0, 0.05, 1.5)),
    "flatten": ("Flatten", "", (0.0, 1.0, 1.0, 0.0)),
    "smooth": ("Smooth", "Averaged over, s", (0.04, 0.6, 0.02, 0.2)),
}
TYPED_JS = """(start, end) => {
  document.dispatchEvent(new CustomEvent("undertone:typed-range", { detail: [start, end] }));
}"""


@dataclass(frozen=True)
class RangeTool:
    """The widgets."""

    target: gr.Dropdown
    start: gr.Number
    end: gr.Number
    kind: gr.Radio
    amount: gr.Slider
    apply: gr.Button

    @property
    def outputs(self) -> list[Any]:
        return [self.target, self.start, self.end]

    @property
    def inputs(self) -> list[Any]:
        """Return the widgets that `stroke` reads."""
        return [self.target, self.start, self.end, self.kind, self.amount]

    def show(self, editing: EditingSession) -> Updates:
        """Show a new recording: its cards, and no range."""
        choices = [(card.title, card.id) for card in sorted_cards(editing.cards)]
        return {self.target: gr.update(choices=choices, value=choices[0][1]), self.start: None, self.end: None}


def build_range_tool() -> RangeTool:
    """Lay it out, inside the current column."""
    with gr.Column(elem_id="range-tool", elem_classes="panel"):
        with gr.Row(equal_height=True):
            target = gr.Dropdown([], label="In this range, change", min_width=170, elem_id="range-target", scale=3)
            start = gr.Number(label="From, s", minimum=0, step=0.02, min_width=80, elem_id="range-start", scale=1)
            end = gr.Number(label="To, s", minimum=0, step=0.02, min_width=80, elem_id="range-end", scale=1)
        kind = gr.Radio(
            [(label, kind) for kind, (label, _, _) in KINDS.items()],
            value="shift", show_label=False, label="How", elem_id="range-kind",
        )  # fmt: skip
        with gr.Row(equal_height=True):
            _, label, (low, high, step, value) = KINDS["shift"]
            amount = gr.Slider(
                low, high, value=value, step=step, label=label, elem_id="range-amount", buttons=[], scale=3
            )
            apply = gr.Button("Apply there", size="md", elem_id="range-apply", min_width=120, scale=1)
    return RangeTool(target, start, end, kind, amount, apply)


def show_amount(kind: str) -> Any:
    """Show the slider that a kind of edit needs."""
    _, label, (low, high, step, value) = KINDS[kind]
    return gr.update(visible=bool(label), label=label or "Amount", minimum=low, maximum=high, step=step, value=value)


def stroke(
    editing: EditingSession, target: str, start: float | None, end: float | None, kind: str, amount: float
) -> Edit:
    """Return the edit that the tool describes.

    Raises:
        SettingsError: no range, no track, or a number out of its range.
    """
    card: Card | None = next((card for card in editing.cards if card.id == target), None)
    if card is None:
        raise NotYetError("choose what to change in the range first.")
    if end is None or end <= (start or 0.0):
        raise NotYetError("choose a time range first: drag over the figure, or type From and To.")
    if kind not in KINDS:
        raise SettingsError(f"{kind!r} is nothing that can be done to a curve; expected one of {', '.join(KINDS)}.")
    seconds = editing.after.speech.seconds
    if (start or 0.0) >= seconds:
        raise SettingsError(f"the range begins at {start:g} s, but the sound has {seconds:.2f} s.")
    moves = {"shift": Move(shift=amount), "scale": Move(scale=amount), "smooth": Move(smoothing_seconds=amount)}
    return card.edit(moves.get(kind, Move()), start or 0.0, min(float(end), seconds), flatten=kind == "flatten")
