"""The drawer in which a visitor compares two sounds without knowing which is which."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.shared.blind_pair import BlindPair, Choice
from undertone.app.shared.visitor import Visitor
from undertone.app.shared.widgets import AWAY, QUIET, Note, scripted_html, show_container

_TEMPLATE = """
<div class="tools blind-sounds" role="group" aria-label="The two sounds">
  <button type="button" data-sound="x" aria-pressed="false">Play X</button>
  <button type="button" data-sound="y" aria-pressed="false">Play Y</button>
</div>
"""
Sounds = Callable[[Any], Sequence[tuple[str, Path]]]  # what a visit has to compare: names and 16-bit wav files


@dataclass(frozen=True)
class BlindComparison:
    """The widgets of the comparison."""

    drawer: gr.Accordion
    first: gr.Dropdown
    second: gr.Dropdown
    start: gr.Button
    players: gr.Row
    sounds: gr.HTML
    answers: gr.Row
    prefer_x: gr.Button
    no_difference: gr.Button
    prefer_y: gr.Button
    note: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [self.drawer, self.first, self.second, self.players, self.sounds, self.answers, self.note]


def build_blind_comparison(names: Sequence[str], label: str) -> BlindComparison:
    """Lay the drawer out.

    Args:
        names: of the sounds to choose from, until `blind_updates` gives others.
    """
    choices = _choices(names)
    with gr.Accordion(label, open=False, elem_id="blind") as drawer:
        with gr.Row(equal_height=True):
            first = gr.Dropdown(choices, value=0, label="One", min_width=120, elem_id="blind-first")
            second = gr.Dropdown(choices, value=1, label="The other", min_width=120, elem_id="blind-second")
            start = gr.Button("Shuffle and listen", elem_id="blind-start", min_width=160, size="md")
        with gr.Row(elem_classes=AWAY) as players:
            sounds = scripted_html(
                _TEMPLATE,
                Path(__file__).with_name("blind_player.js"),
                elem_id="blind-sounds",
            )
        with gr.Row(elem_classes=AWAY) as answers:
            prefer_x = gr.Button("X is better", elem_id="prefer-x", min_width=80, size="md")
            no_difference = gr.Button("No difference", elem_id="prefer-none", min_width=80, size="md")
            prefer_y = gr.Button("Y is better", elem_id="prefer-y", min_width=80, size="md")
        note = gr.HTML(elem_id="blind-note")
    return BlindComparison(
        drawer, first, second, start, players, sounds, answers, prefer_x, no_difference, prefer_y, note
    )


def bind_blind_comparison(blind: BlindComparison, visit: gr.State, sounds: Sounds) -> None:
    """Bind the blind test's buttons."""

    def begin(first: int, second: int, visit: Visitor) -> list[Any]:
        return start_blind_comparison(first, second, visit, sounds(visit))

    blind.start.click(
        begin,
        [blind.first, blind.second, visit],
        [blind.players, blind.sounds, blind.answers, blind.note],
        **QUIET,
    )
    for button, choice in ((blind.prefer_x, "X"), (blind.no_difference, "none"), (blind.prefer_y, "Y")):
        button.click(_answer(choice), visit, [blind.answers, blind.note], **QUIET)  # type: ignore[arg-type]


def start_blind_comparison(first: int, second: int, visit: Visitor, sounds: Sequence[tuple[str, Path]]) -> list[Any]:
    """Draw the order and show the two players."""
    numbers = range(len(sounds))
    if first not in numbers or second not in numbers or first == second:
        return [*[gr.skip()] * 3, Note("problem", "Choose two different sounds to compare.").html()]
    visit.blind = BlindPair.draw(sounds[first], sounds[second])
    note = Note("quiet", "Listen to both, then choose. Which is which stays hidden until then.")
    return [show_container(True), visit.blind.value(), show_container(True), note.html()]


def answer_blind_comparison(choice: Choice, visit: Visitor) -> list[Any]:
    """Reveal the order; the answer buttons go away."""
    if visit.blind is None:
        return [show_container(False), Note("problem", "Start a comparison first.").html()]
    text = visit.blind.reveal(choice)
    visit.blind = None
    return [show_container(False), Note("good", text).html()]


def blind_updates(names: Sequence[str], first: int = 0) -> list[Any]:
    """Update the drawer to other sounds: one update for each of `BlindComparison.outputs`.

    Args:
        first: place of the sound that is chosen, with the one behind it, or before it where it is the last.
    """
    second = first + 1 if first + 1 < len(names) else max(0, first - 1)
    choices, hidden = _choices(names), show_container(False)
    return [
        show_container(len(names) > 1),
        gr.update(choices=choices, value=first),
        gr.update(choices=choices, value=second),
        hidden,
        None,
        hidden,
        "",
    ]


def _choices(names: Sequence[str]) -> list[tuple[str, int]]:
    return [(name[:1].upper() + name[1:], index) for index, name in enumerate(names)]


def _answer(choice: Choice) -> Any:
    def answer(visit: Visitor) -> list[Any]:
        return answer_blind_comparison(choice, visit)

    return answer
