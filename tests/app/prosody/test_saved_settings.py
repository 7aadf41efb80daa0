"""Saved settings of a rendering: restored to the same bytes, or refused with the reason."""

from dataclasses import replace

import pytest
import torch

from undertone.app.prosody.cards import Move
from undertone.app.prosody.edit_state import EditState
from undertone.app.prosody.editing_session import EditingSession, Original
from undertone.app.prosody.saved_settings import read_prosody_settings, restore_edit
from undertone.engine import Engine, Sampling, SettingsError, Speech
from undertone.engine.prosody import RedrawnLatents

SAMPLING = Sampling(steps=2)


DRAWN = RedrawnLatents(seed=3, num_draws=2, index=1)


def moved(editing: EditingSession, shift: float = 1.5, card: str = "z2") -> EditState:
    return editing.now.with_moves({card: Move(shift=shift)}, editing.cards)


def test_settings_lay_the_same_sound_out_again(
    engine: Engine, editing: EditingSession, speech: Speech, second: Speech
) -> None:
    range_edit = editing.cards[0].edit(Move(), 0.2, 0.6, flatten=True)
    edit_state = replace(moved(editing), latents=DRAWN, other=0, other_voice=True).with_range_edit(range_edit)
    made = editing.render(edit_state)
    settings = read_prosody_settings(made.settings.model_dump_json().encode())
    again = EditingSession.open(engine, Original("clip", speech), settings.sampling, settings.seed)
    missing = restore_edit(again, settings)
    assert missing is not None
    assert "second recording" in missing.text
    again.others.append(Original("second", second))
    assert restore_edit(again, settings) is None
    rendering = again.render(again.now)
    assert torch.equal(rendering.audio, made.audio)
    assert rendering.settings == made.settings


def test_settings_of_another_recording_are_not_applied(engine: Engine, editing: EditingSession, second: Speech) -> None:
    other = EditingSession.open(engine, Original("other", second), SAMPLING, seed=5)
    note = restore_edit(other, editing.before.settings)
    assert note is not None
    assert "not the recording" in note.text
    assert other.now == EditState()


@pytest.mark.parametrize("data", [b"", b"[1]", b"{}", b"\xff", b" " * 300_000])
def test_a_file_that_is_no_settings_is_refused(data: bytes) -> None:
    with pytest.raises(SettingsError):
        read_prosody_settings(data)
