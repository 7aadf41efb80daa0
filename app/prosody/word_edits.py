"""Edits of a word, a phone or a stretch of words: each is one or more ordinary edits of latents and durations."""

from collections.abc import Sequence
from dataclasses import dataclass

from undertone.app.prosody.cards import Card, Move
from undertone.app.prosody.edit_state import EditState, NotYetError
from undertone.app.prosody.editing_session import EditingSession
from undertone.engine import SettingsError
from undertone.engine.prosody import DurationEdit

PITCH, ENERGY = "f0", "energy"  # the attributes of the directions that move them


@dataclass(frozen=True)
class WordAction:
    """Something to do with a word.

    Attributes:
        shifts: sigmas of each attribute.
        factor: of its duration.
        pause_seconds: behind it.
    """

    label: str
    shifts: tuple[tuple[str, float], ...] = ()
    factor: float = 1.0
    pause_seconds: float = 0.0


WORD_ACTIONS = {
    "stress": WordAction("Stress", ((PITCH, 0.8), (ENERGY, 0.8)), factor=1.2),
    "lengthen": WordAction("Lengthen", factor=1.3),
    "shorten": WordAction("Shorten", factor=0.75),
    "pause": WordAction("Pause after", pause_seconds=0.3),
    "raise": WordAction("Raise", ((PITCH, 1.0),)),
    "lower": WordAction("Lower", ((PITCH, -1.0),)),
}


def edit_words(editing: EditingSession, action: str, start: object, end: object) -> EditState:
    """Return the session's edit state with a word edited.

    Args:
        action: a key of `WORD_ACTIONS`.
        start, end: of the word, in seconds of the speech before any duration is changed.
    Raises:
        SettingsError: nothing is chosen, there is no such action, or the model was not measured for it.
    """
    chosen = WORD_ACTIONS.get(action)
    if chosen is None:
        raise SettingsError(
            f"{action!r} is nothing that can be done to a word; expected one of {', '.join(WORD_ACTIONS)}."
        )
    first, last = _range(editing, start, end)
    edit_state = editing.now
    for attribute, sigmas in chosen.shifts:
        edit_state = edit_state.with_range_edit(_mover(editing.cards, attribute).edit(Move(shift=sigmas), first, last))
    changes: list[dict[str, object]] = []
    if chosen.factor != 1.0:
        changes.append({"kind": "stretch", "factor": chosen.factor, "start_seconds": first, "end_seconds": last})
    if chosen.pause_seconds:
        changes.append({"kind": "pause", "at_seconds": last, "seconds": chosen.pause_seconds})
    return edit_state.with_durations(DurationEdit.of(changes=tuple(changes))) if changes else edit_state


def possible_actions(cards: Sequence[Card]) -> list[str]:
    """Return the actions that a model's cards allow."""
    measured = {card.direction.attribute for card in cards if card.direction is not None}
    return [name for name, action in WORD_ACTIONS.items() if {attribute for attribute, _ in action.shifts} <= measured]


def _mover(cards: Sequence[Card], attribute: str) -> Card:
    card = next((one for one in cards if one.direction is not None and one.direction.attribute == attribute), None)
    if card is None:
        raise SettingsError(f"what moves {attribute} was not measured for this model; run `undertone probe` on it.")
    return card


def _range(editing: EditingSession, start: object, end: object) -> tuple[float, float]:
    if not isinstance(start, int | float) or not isinstance(end, int | float) or not 0 <= start < end:
        raise NotYetError("choose a word first.")
    seconds = editing.before.speech.seconds
    if start >= seconds:
        raise SettingsError(f"the word begins at {start:g} s, but the speech has {seconds:.2f} s.")
    return float(start), min(float(end), seconds)
