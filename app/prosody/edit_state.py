"""What a visitor has asked for: moved cards, edits drawn on curves, whose prosody and voice; and its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from undertone.app.prosody.cards import Card, Move
from undertone.engine import SettingsError
from undertone.engine.prosody import DimensionEdit, DirectionEdit, LatentEdit, LatentSource, MorphedLatents, OwnLatents

MAX_STROKES = 40
Edit = DimensionEdit | DirectionEdit


class NotYetError(SettingsError):
    """Something has to be chosen first: a hint, and nothing that went wrong."""


@dataclass(frozen=True)
class EditState:
    """Everything that decides the sound beside the recording, the sampling and the seed.

    Attributes:
        moves: by card, those that change something, in the order in which they are applied.
        strokes: edits of time ranges, applied after the moves.
        latents: whose.
        other: index of the second recording that transfer, morph or the voice needs.
        other_voice: whether it speaks.
    """

    moves: tuple[tuple[str, Move], ...] = ()
    strokes: tuple[Edit, ...] = ()
    latents: LatentSource = field(default_factory=OwnLatents)
    other: int | None = None
    other_voice: bool = False

    def edit(self, cards: Sequence[Card]) -> LatentEdit:
        """Return the edit as the engine applies it."""
        by_id = {card.id: card for card in cards}
        return LatentEdit(edits=(*(by_id[name].edit(move) for name, move in self.moves), *self.strokes))

    def move(self, card: Card) -> Move:
        """Return where a card's sliders stand."""
        return dict(self.moves).get(card.id, Move())

    def with_moves(self, moves: Mapping[str, Move], cards: Sequence[Card]) -> "EditState":
        """Return the same with other moves."""
        kept = tuple((card.id, moves[card.id]) for card in cards if not moves.get(card.id, Move()).is_identity)
        return replace(self, moves=kept)

    def with_stroke(self, stroke: Edit) -> "EditState":
        """Return the same with one more edit drawn on a curve."""
        if len(self.strokes) >= MAX_STROKES:
            raise SettingsError(f"there are {MAX_STROKES} edits on the curves already; remove some of them first.")
        return replace(self, strokes=(*self.strokes, stroke))

    def without_stroke(self, index: int) -> "EditState":
        """Return the same without one of them."""
        return replace(self, strokes=self.strokes[:index] + self.strokes[index + 1 :])

    @property
    def morph(self) -> float | None:
        """Return how far between the two recordings the result lies."""
        return self.latents.amount if isinstance(self.latents, MorphedLatents) else None


@dataclass
class History:
    """Arrangements in the order in which they were made, and which of them is shown."""

    states: list[EditState] = field(default_factory=lambda: [EditState()])
    place: int = 0

    @property
    def now(self) -> EditState:
        return self.states[self.place]

    def push(self, edit_state: EditState) -> bool:
        """Go on to a new one; what was undone is forgotten. False where nothing has changed."""
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
        """Show an arrangement that is shown already: the nearest place that has it, else a new one."""
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
    """Read what the browser says of the sliders.

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
    """Read a saved edit as sliders and strokes: as many sliders as keep its order, the rest strokes."""
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


def stroke_text(stroke: Edit, cards: Sequence[Card]) -> str:
    """Return a stroke in words: "Loudness (z3): +1.0 σ, 0.8 to 1.4 s"."""
    card = next((card for card in cards if card.made(stroke)), None)
    name = card.title if card is not None else "several z together"
    done = [f"{stroke.shift:+.1f} σ"] if stroke.shift else []
    done += [f"× {stroke.scale:g}"] if stroke.scale != 1 else []
    done += [f"smoothed over {stroke.smoothing_seconds:g} s"] if stroke.smoothing_seconds else []
    done += ["flattened"] if stroke.flatten else []
    end = "the end" if stroke.end_seconds is None else f"{stroke.end_seconds:.2f} s"
    return f"{name}: {', '.join(done) or 'nothing'}, {stroke.start_seconds or 0:.2f} s to {end}"
