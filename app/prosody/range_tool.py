"""The edit of a time range, chosen on the figure or typed: which track, and what to do with it. The widgets."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from undertone.app.prosody.cards import sorted_cards
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.status import Updates

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
    """The widgets of the tool."""

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
        """Return the widgets that `add_range_edit` reads."""
        return [self.target, self.start, self.end, self.kind, self.amount]

    def show(self, editing: EditingSession) -> Updates:
        """Show a new recording: its cards, and no range."""
        choices = [(card.title, card.id) for card in sorted_cards(editing.cards)]
        return {self.target: gr.update(choices=choices, value=choices[0][1]), self.start: None, self.end: None}


def build_range_tool() -> RangeTool:
    """Lay the tool out, inside the current column."""
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
    """Return the update of the slider that a kind of edit needs."""
    _, label, (low, high, step, value) = KINDS[kind]
    return gr.update(visible=bool(label), label=label or "Amount", minimum=low, maximum=high, step=step, value=value)
