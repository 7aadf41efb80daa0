"""Changes of the edit state: what cannot be done is refused with what to do first."""

from typing import Any

import pytest

from undertone.app.prosody.edit_changes import add_range_edit, choose_delivery
from undertone.app.prosody.editing_session import EditingSession
from undertone.engine import SettingsError


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("", 0.1, 0.5, "shift", 1.0), "what to change"),
        (("z1", None, None, "shift", 1.0), "time range first"),
        (("z1", 0.5, 0.5, "shift", 1.0), "time range first"),
        (("z1", 90.0, 91.0, "shift", 1.0), "begins at 90 s"),
        (("z1", 0.1, 0.5, "shift", 99.0), "shift is 99"),
        (("z1", 0.1, 0.5, "melt", 1.0), "melt"),
    ],
)
def test_a_range_that_is_none_is_refused_with_what_to_do(edited_take: EditingSession, values: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        add_range_edit(edited_take, *values)


def test_a_range_ends_where_the_sound_ends(edited_take: EditingSession) -> None:
    edit = add_range_edit(edited_take, "z1", 0.5, 99.0, "flatten", 0.0).range_edits[-1]
    assert edit.flatten
    assert edit.end_seconds == pytest.approx(edited_take.after.speech.seconds)


def test_transfer_morph_and_voice_need_a_second_recording(edited_take: EditingSession) -> None:
    for whose, voice in (("transferred", "own"), ("morphed", "own"), ("own", "other")):
        with pytest.raises(SettingsError, match="second recording"):
            choose_delivery(edited_take, whose, "first", voice)
    assert choose_delivery(edited_take, "own", "first", "own") == edited_take.now
