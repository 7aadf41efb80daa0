"""The changes that the page's widgets make: from an editing session and a widget's values to a new edit state."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from undertone.app.prosody.cards import Card, Move
from undertone.app.prosody.edit_state import EditState, NotYetError, duration_text, range_edit_text, read_moves
from undertone.app.prosody.editing_session import EditingSession
from undertone.engine import SettingsError
from undertone.engine.prosody import LatentSource, MorphedLatents, OwnLatents, TransferredLatents

RANGE_KINDS = ("shift", "scale", "flatten", "smooth")


def find_card(editing: EditingSession, card_id: str) -> Card:
    """Return the card that a browser speaks of.

    Raises:
        SettingsError: there is none.
    """
    card = next((card for card in editing.cards if card.id == card_id), None)
    if card is None:
        raise SettingsError("there is no such card; load the page again.")
    return card


def move_cards(editing: EditingSession, values: Any, morph: Any) -> EditState:
    """Return the session's edit state with the sliders where the browser says they stand.

    Args:
        values: for each card shift, scale and seconds of smoothing.
        morph: between 0 and 1, how far the morph goes; ignored where there is none.
    Raises:
        SettingsError: they cannot stand there.
    """
    if not isinstance(values, Mapping):
        raise SettingsError("the sliders say nothing; load the page again.")
    edit_state = editing.now.with_moves(read_moves(values, editing.cards), editing.cards)
    if isinstance(edit_state.latents, MorphedLatents) and isinstance(morph, int | float):
        amount = min(1.0, max(0.0, float(morph)))
        edit_state = replace(edit_state, latents=edit_state.latents.model_copy(update={"amount": amount}))
    return edit_state


def shift_card(editing: EditingSession, edit_state: EditState, card: Card, sigmas: float) -> EditState:
    """Return an edit state with the shift of one card replaced and everything else as it is."""
    moves = {**dict(edit_state.moves), card.id: replace(edit_state.move(card), shift=sigmas)}
    return edit_state.with_moves(moves, editing.cards)


def undo(editing: EditingSession) -> EditState:
    """Go one step back in the history and return the edit state there."""
    editing.history.undo()
    return editing.now


def redo(editing: EditingSession) -> EditState:
    """Go one step forward in the history and return the edit state there."""
    editing.history.redo()
    return editing.now


def add_range_edit(
    editing: EditingSession, target: str, start: float | None, end: float | None, kind: str, amount: float
) -> EditState:
    """Return the session's edit state with one more edit of a time range.

    Args:
        target: id of the card whose track is edited.
        start, end: seconds.
        amount: sigmas of a shift, factor of a scale, seconds of smoothing.
    Raises:
        SettingsError: no range, no track, or a number out of its range.
    """
    card = next((card for card in editing.cards if card.id == target), None)
    if card is None:
        raise NotYetError("choose what to change in the range first.")
    if end is None or end <= (start or 0.0):
        raise NotYetError("choose a time range first: drag over the figure, or type From and To.")
    if kind not in RANGE_KINDS:
        raise SettingsError(
            f"{kind!r} is nothing that can be done to a curve; expected one of {', '.join(RANGE_KINDS)}."
        )
    seconds = editing.edited_seconds
    if (start or 0.0) >= seconds:
        raise SettingsError(f"the range begins at {start:g} s, but the sound has {seconds:.2f} s.")
    moves = {"shift": Move(shift=amount), "scale": Move(scale=amount), "smooth": Move(smoothing_seconds=amount)}
    edit = card.edit(moves.get(kind, Move()), start or 0.0, min(float(end), seconds), flatten=kind == "flatten")
    return editing.now.with_range_edit(edit)


def remove_range_edit(editing: EditingSession, label: str) -> EditState:
    """Return the session's edit state without the last edit of this text; the same where there is none."""
    durations = [duration_text(change) for change in editing.now.durations.changes]
    if label in durations:
        return editing.now.without_duration(len(durations) - 1 - durations[::-1].index(label))
    texts = [range_edit_text(edit, editing.cards) for edit in editing.now.range_edits]
    found = [index for index, text in enumerate(texts) if text == label]
    return editing.now.without_range_edit(found[-1]) if found else editing.now


def choose_delivery(editing: EditingSession, whose: str, timing: str, voice: str) -> EditState:
    """Return the session's edit state with other latents and another voice.

    Args:
        whose: "own", "redrawn", "transferred" or "morphed".
        timing: of a morph, "first" or "between".
        voice: "own" or "other".
    Raises:
        SettingsError: something that there is not.
    """
    now = editing.now
    morph: LatentSource = MorphedLatents(
        amount=0.5 if now.morph is None else now.morph, timing="between" if timing == "between" else "first"
    )
    latents: LatentSource = {
        "own": OwnLatents(),
        "redrawn": now.latents,
        "transferred": TransferredLatents(),
        "morphed": morph,
    }.get(whose, now.latents)
    needed = voice == "other" or isinstance(latents, TransferredLatents | MorphedLatents)
    if needed and not editing.others:
        raise NotYetError("choose a second recording and press Use it first.")
    return replace(
        now,
        latents=latents,
        other=len(editing.others) - 1 if needed else None,
        other_voice=voice == "other",
    )


def choose_draw(editing: EditingSession, index: int) -> EditState:
    """Return the session's edit state with one of the latents that were drawn last.

    Raises:
        SettingsError: nothing has been drawn.
    """
    if editing.last_draw is None:
        raise NotYetError("there are no draws of this recording; press Draw first.")
    return editing.now.with_draw(editing.last_draw, index)
