"""The edit state: sliders, range edits and history survive their way to the engine's edit and back."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from undertone.app.prosody.cards import Card, Move, cards_of_clip
from undertone.app.prosody.clip_evidence import ClipEvidence
from undertone.app.prosody.edit_state import MAX_RANGE_EDITS, EditState, History, range_edit_text, read_edit, read_moves
from undertone.app.prosody.editing_session import EditingSession
from undertone.engine import Sampling, SettingsError
from undertone.engine.prosody import LatentStatistics, MorphedLatents

STATISTICS = LatentStatistics.of(torch.randn(400, 4, generator=torch.Generator().manual_seed(0)))


CARDS = cards_of_clip(tuple(ClipEvidence("", f"spread {i}", float(i)) for i in range(4)), STATISTICS)


shifts = st.floats(-3, 3).map(lambda value: round(value, 2))


sliders = st.tuples(shifts, st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.2]))


def by_id(name: str) -> Card:
    return next(card for card in CARDS if card.id == name)


@given(st.dictionaries(st.sampled_from(["z1", "z2", "z3", "z4"]), sliders))
def test_saved_sliders_and_range_edits_come_back(values: dict[str, tuple[float, float, float]]) -> None:
    range_edit = by_id("z2").edit(Move(shift=1.5), 0.2, 0.8)
    edit_state = EditState().with_moves(read_moves(values, CARDS), CARDS).with_range_edit(range_edit)
    moves, range_edits = read_edit(edit_state.edit(CARDS), CARDS)
    again = EditState(range_edits=range_edits).with_moves(moves, CARDS)
    assert again == edit_state
    assert again.edit(CARDS) == edit_state.edit(CARDS)


def test_an_edit_that_no_sliders_give_keeps_its_order_as_range_edits() -> None:
    edit = EditState().edit(CARDS)
    for name in ("z3", "z1", "z3"):
        edit = edit + EditState().with_moves({name: Move(shift=1.0)}, CARDS).edit(CARDS)
    moves, range_edits = read_edit(edit, CARDS)
    assert list(moves) == ["z3"]
    assert EditState(range_edits=range_edits).with_moves(moves, CARDS).edit(CARDS) == edit


def test_resting_sliders_are_no_edit() -> None:
    assert EditState().with_moves(read_moves({"z1": [0, 1, 0]}, CARDS), CARDS) == EditState()
    assert EditState().edit(CARDS).is_identity


@pytest.mark.parametrize("given", [[99, 1, 0], ["a", 1, 0], [1], None, [float("nan"), 1, 0], [0, 1, -1]])
def test_sliders_that_stand_nowhere_are_refused(given: object) -> None:
    with pytest.raises(SettingsError):
        read_moves({"z1": given}, CARDS)


def test_undo_and_redo_walk_the_history() -> None:
    history = History()
    states = [EditState().with_moves({"z1": Move(shift=float(i))}, CARDS) for i in (1, 2, 3)]
    for state in states:
        assert history.push(state)
    assert not history.push(states[-1])
    history.undo()
    history.undo()
    assert history.now == states[0]
    history.redo()
    assert history.now == states[1]
    history.push(replace(states[0], other_voice=True))
    assert not history.can_redo
    for _ in range(9):
        history.undo()
    assert history.now == EditState()
    assert not history.can_undo


def test_there_are_only_so_many_range_edits() -> None:
    edit_state = EditState()
    for _ in range(MAX_RANGE_EDITS):
        edit_state = edit_state.with_range_edit(by_id("z1").edit(Move(shift=0.1), 0.0, 0.5))
    with pytest.raises(SettingsError, match="remove some"):
        edit_state.with_range_edit(by_id("z1").edit(Move(), 0.0, 0.5))
    assert len(edit_state.without_range_edit(3).range_edits) == MAX_RANGE_EDITS - 1


def test_a_range_edit_is_told_in_words() -> None:
    text = range_edit_text(by_id("z2").edit(Move(shift=-1.0), 0.2, 0.84), CARDS)
    assert text == "z2: -1.0 σ, 0.20 s to 0.84 s"
    assert "flattened" in range_edit_text(by_id("z2").edit(Move(), 0.2, None, flatten=True), CARDS)


def test_the_place_of_a_morph_is_known() -> None:
    assert EditState().morph is None
    assert EditState(latents=MorphedLatents(amount=0.25), other=0).morph == 0.25


SAMPLING = Sampling(steps=2)


def test_sliders_of_another_bundle_are_left_out(editing: EditingSession) -> None:
    assert read_moves({"z99": [1, 1, 0]}, editing.cards) == {card.id: Move() for card in editing.cards}
