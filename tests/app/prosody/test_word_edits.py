"""Edits of words: ordinary edits underneath, one step of the history, in words that can be taken back, and saved."""

import pytest
import torch

from undertone.app.prosody.cards import Card
from undertone.app.prosody.edit_changes import remove_range_edit, undo
from undertone.app.prosody.edit_state import EditState, NotYetError, duration_text, range_edit_text
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.saved_settings import restore_edit
from undertone.app.prosody.word_edits import WORD_ACTIONS, edit_words, possible_actions
from undertone.engine import SettingsError
from undertone.engine.prosody import DirectionProbe


def direction_card(attribute: str, dimension: int) -> Card:
    vector = tuple(float(place == dimension) for place in range(4))
    probe = DirectionProbe(
        name=attribute, attribute=attribute, method="regression", vector=vector, readout=vector, r2=None, evidence="",
        importance=1, slider_low=-2, slider_high=2, effects={},
    )  # fmt: skip
    return Card(attribute, attribute, "all", "", "", 1.0, -3.0, 3.0, (-2.0, 2.0), direction=probe)


@pytest.fixture
def measured(editing: EditingSession) -> EditingSession:
    """A session whose model was measured: directions of pitch and loudness."""
    editing.cards = (*editing.cards, direction_card("f0", 0), direction_card("energy", 1))
    return editing


@pytest.mark.parametrize("action", WORD_ACTIONS)
def test_every_action_is_one_step_of_ordinary_edits(measured: EditingSession, action: str) -> None:
    asked = WORD_ACTIONS[action]
    if asked.pause_seconds:
        pytest.skip("the tiny model's tokens have no silence")
    state = edit_words(measured, action, 0.2, 0.6)
    assert [edit.shift for edit in state.range_edits] == [sigmas for _, sigmas in asked.shifts]
    assert all((edit.start_seconds, edit.end_seconds) == (0.2, 0.6) for edit in state.range_edits)
    assert len(state.durations.changes) == (asked.factor != 1.0)
    measured.history.push(state)
    made = measured.render(state)
    assert made.speech.num_frames == pytest.approx(measured.before.speech.num_frames + 20 * (asked.factor - 1), abs=1)
    assert made.settings.edit == state.edit(measured.cards)
    assert made.settings.durations == state.durations
    assert undo(measured) == EditState()


def test_edits_of_words_add_up_and_are_taken_back_one_by_one(measured: EditingSession) -> None:
    measured.history.push(edit_words(measured, "stress", 0.2, 0.6))
    measured.history.push(edit_words(measured, "lengthen", 0.2, 0.6))
    now = measured.now
    labels = [range_edit_text(edit, measured.cards) for edit in now.range_edits]
    labels += map(duration_text, now.durations.changes)
    assert len(set(labels)) == 4
    for label in labels:
        measured.history.push(remove_range_edit(measured, label))
    assert measured.now == EditState()


def test_saved_settings_bring_durations_back(measured: EditingSession) -> None:
    state = edit_words(measured, "shorten", 0.2, 0.9)
    measured.history.push(state)
    saved, sound = measured.render(state).settings, measured.render(state).audio
    measured.history.push(EditState())
    assert restore_edit(measured, saved) is None
    assert measured.now == state
    assert torch.equal(measured.render(measured.now).audio, sound)


def test_what_was_not_measured_is_not_offered(editing: EditingSession) -> None:
    assert possible_actions(editing.cards) == ["lengthen", "shorten", "pause"]
    with pytest.raises(SettingsError, match="probe"):
        edit_words(editing, "raise", 0.2, 0.4)


@pytest.mark.parametrize(("start", "end"), [(None, None), ("0", 1), (0.4, 0.2), (float("nan"), 1.0), (-1, 1)])
def test_no_word_is_a_hint(editing: EditingSession, start: object, end: object) -> None:
    with pytest.raises(NotYetError):
        edit_words(editing, "lengthen", start, end)


def test_what_comes_from_outside_is_checked(editing: EditingSession) -> None:
    with pytest.raises(SettingsError, match="nothing that can be done"):
        edit_words(editing, "delete", 0.2, 0.4)
    with pytest.raises(SettingsError, match="begins at 90"):
        edit_words(editing, "lengthen", 90, 91)
