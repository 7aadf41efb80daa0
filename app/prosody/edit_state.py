"""The edit state: moved cards, edits of time ranges, whose prosody and voice; and its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from undertone.app.prosody.cards import Card, Move
from undertone.engine import SettingsError
from undertone.engine.prosody import (
    DimensionEdit,
    DirectionEdit,
    DurationChange,
    DurationEdit,
    LatentEdit,
    LatentSource,
    MorphedLatents,
    OwnLatents,
    RedrawnLatents,
    Stretch,
)

MAX_RANGE_EDITS = 40
Edit = DimensionEdit | DirectionEdit


class NotYetError(SettingsError):
    """A hint that something has to be chosen first; nothing went wrong."""


@dataclass(frozen=True)
class EditState:
    """Everything that decides the sound beside the recording, the sampling and the seed.

    Attributes:
        moves: by card, those that change something, in the order in which they are applied.
        range_edits: edits of time ranges, applied after the moves.
        durations: stretches and pauses, applied after all edits of latents, in times before them.
        latents: where the latents come from before they are edited.
        other: index of the second recording that transfer, morph or the voice needs.
        other_voice: whether the voice is the second recording's.
    """

    moves: tuple[tuple[str, Move], ...] = ()
    range_edits: tuple[Edit, ...] = ()
    durations: DurationEdit = field(default_factory=DurationEdit)
    latents: LatentSource = field(default_factory=OwnLatents)
    other: int | None = None
    other_voice: bool = False

    def edit(self, cards: Sequence[Card]) -> LatentEdit:
        """Return the edit as the engine applies it."""
        by_id = {card.id: card for card in cards}
        return LatentEdit(edits=(*(by_id[name].edit(move) for name, move in self.moves), *self.range_edits))

    def move(self, card: Card) -> Move:
        """Return where a card's sliders stand."""
        return dict(self.moves).get(card.id, Move())

    def with_moves(self, moves: Mapping[str, Move], cards: Sequence[Card]) -> "EditState":
        """Return the same with other moves."""
        kept = tuple((card.id, moves[card.id]) for card in cards if not moves.get(card.id, Move()).is_identity)
        return replace(self, moves=kept)

    def with_range_edit(self, edit: Edit) -> "EditState":
        """Return the same with one more edit of a time range.

        Raises:
            SettingsError: there are too many.
        """
        if len(self.range_edits) >= MAX_RANGE_EDITS:
            raise SettingsError(f"there are {MAX_RANGE_EDITS} edits on the curves already; remove some of them first.")
        return replace(self, range_edits=(*self.range_edits, edit))

    def with_durations(self, more: DurationEdit) -> "EditState":
        """Return the same with more changes of durations.

        Raises:
            SettingsError: there are too many.
        """
        if len(self.durations.changes) + len(more.changes) > MAX_RANGE_EDITS:
            raise SettingsError(f"durations have {MAX_RANGE_EDITS} changes already; remove some of them first.")
        return replace(self, durations=self.durations + more)

    def without_duration(self, index: int) -> "EditState":
        """Return the same without the change of durations at an index."""
        changes = self.durations.changes
        return replace(self, durations=DurationEdit(changes=changes[:index] + changes[index + 1 :]))

    def without_range_edit(self, index: int) -> "EditState":
        """Return the same without the range edit at an index."""
        return replace(self, range_edits=self.range_edits[:index] + self.range_edits[index + 1 :])

    def with_draw(self, draw: RedrawnLatents, index: int) -> "EditState":
        """Return the same with one of the latents of a draw; the second recording stays where its voice is used."""
        latents = draw.model_copy(update={"index": index})
        return replace(self, latents=latents, other=self.other if self.other_voice else None)

    @property
    def morph(self) -> float | None:
        """Return how far between the two recordings the result lies, 0 to 1; None where nothing is morphed."""
        return self.latents.amount if isinstance(self.latents, MorphedLatents) else None


@dataclass
class History:
    """Edit states in the order in which they were made, and the place of the current one."""

    states: list[EditState] = field(default_factory=lambda: [EditState()])
    place: int = 0

    @property
    def now(self) -> EditState:
        return self.states[self.place]

    def push(self, edit_state: EditState) -> bool:
        """Go on to a new edit state and forget what was undone; return whether anything has changed."""
        if edit_state == self.now:
            return False
        self.states[self.place + 1 :] = [edit_state]
        self.place += 1
        return True

    def undo(self) -> None:
        self.place = max(0, self.place - 1)

    def redo(self) -> None:
        self.place = min(len(self.states) - 1, self.place + 1)

    def return_to(self, edit_state: EditState) -> None:
        """Go to the nearest place of an edit state, or push it where there is none."""
        places = [place for place, state in enumerate(self.states) if state == edit_state]
        if places:
            self.place = min(places, key=lambda place: abs(place - self.place))
        else:
            self.push(edit_state)

    @property
    def can_undo(self) -> bool:
        return self.place > 0

    @property
    def can_redo(self) -> bool:
        return self.place < len(self.states) - 1


def read_moves(values: Mapping[str, Any], cards: Sequence[Card]) -> dict[str, Move]:
    """Return the move of each card from what the browser says of its sliders.

    Args:
        values: for each card shift, scale and seconds of smoothing.
    Raises:
        SettingsError: something that is no slider, or out of its range.
    """
    moves = {}
    for card in cards:
        given = values.get(card.id, (0.0, 1.0, 0.0))
        try:
            shift, scale, smoothing = (round(float(part), 4) for part in given)
        except (TypeError, ValueError) as error:
            raise SettingsError(f"the sliders of {card.title} say {given!r}; expected three numbers.") from error
        move = Move(shift, scale, smoothing)
        card.edit(move)  # refuses what lies outside of the engine's range
        moves[card.id] = move
    return moves


def read_edit(edit: LatentEdit, cards: Sequence[Card]) -> tuple[dict[str, Move], tuple[Edit, ...]]:
    """Read a saved edit as sliders and range edits: as many sliders as keep its order, the rest as range edits."""
    moves: dict[str, Move] = {}
    ahead = list(cards)
    for position, item in enumerate(edit.edits):
        move = Move(item.shift, item.scale, item.smoothing_seconds)
        fits = next((index for index, card in enumerate(ahead) if card.edit(move) == item), None)
        if fits is None:
            return moves, edit.edits[position:]
        moves[ahead[fits].id] = move
        ahead = ahead[fits + 1 :]
    return moves, ()


def range_edit_text(edit: Edit, cards: Sequence[Card]) -> str:
    """Return a range edit in words: "Loudness (z3): +1.0 σ, 0.8 to 1.4 s"."""
    card = next((card for card in cards if card.matches(edit)), None)
    name = card.title if card is not None else "several z together"
    changes = [f"{edit.shift:+.1f} σ"] if edit.shift else []
    changes += [f"× {edit.scale:g}"] if edit.scale != 1 else []
    changes += [f"smoothed over {edit.smoothing_seconds:g} s"] if edit.smoothing_seconds else []
    changes += ["flattened"] if edit.flatten else []
    end = "the end" if edit.end_seconds is None else f"{edit.end_seconds:.2f} s"
    return f"{name}: {', '.join(changes) or 'nothing'}, {edit.start_seconds or 0:.2f} s to {end}"


def duration_text(change: DurationChange) -> str:
    """Return a change of durations in words: "Slower: × 1.30, 0.80 s to 1.40 s"."""
    if isinstance(change, Stretch):
        name = "Slower" if change.factor > 1 else "Faster"
        return f"{name}: × {change.factor:.2f}, {change.start_seconds:.2f} s to {change.end_seconds:.2f} s"
    return f"Pause: {change.seconds:.2f} s at {change.at_seconds:.2f} s"
