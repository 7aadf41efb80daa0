"""The numbers of a change, told from sounds whose change is known."""

import torch

from tests.clips import speechlike
from undertone.app.prosody.measures import NO_CHANGE, TOO_FEW, measure_changes, measure_sound


def test_numbers_tell_an_octave_and_six_decibels() -> None:
    low = speechlike(2.0, hz=110)
    rows = {row[0]: row[3] for row in measure_changes(measure_sound(low), measure_sound(0.5 * speechlike(2.0, hz=220)))}
    assert rows["Pitch (mean F0)"].startswith(("+11.", "+12."))
    assert rows["Duration"] == NO_CHANGE
    same = [row[3] for row in measure_changes(measure_sound(low), measure_sound(low))]
    assert set(same) == {NO_CHANGE}
    halved = {row[0]: row[3] for row in measure_changes(measure_sound(low), measure_sound(0.5 * low))}
    assert halved["Loudness of speech"] == "−6.0 dB"


def test_silence_has_no_pitch_to_compare() -> None:
    rows = measure_changes(measure_sound(torch.zeros(16_000)), measure_sound(speechlike(1.0)))
    assert rows[0][1] == TOO_FEW
    assert rows[0][3] == "–"
