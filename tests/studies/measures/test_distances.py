"""Distances of signals whose answer is known: zero for the same sound, the right number for a known change."""

import numpy as np
import pytest
import torch

from tests.speechlike import voice, vowel
from undertone.studies.measures.distances import Reference
from undertone.studies.measures.intervals import ShareEstimate


def value(share: ShareEstimate) -> float:
    return share.total / share.count


def test_the_same_sound_is_at_no_distance() -> None:
    sound = torch.from_numpy(voice(3.0, 120, seed=1))
    measures = Reference(sound).compare(sound.clone())
    for name in ("mel_distance_nats", "log_spectral_distance_db", "f0_rmse_hz", "f0_rmse_semitones", "voicing_error"):
        assert value(measures[name]) == 0.0
    assert value(measures["f0_correlation"]) == pytest.approx(1.0)
    assert value(measures["energy_correlation"]) == pytest.approx(1.0)


@pytest.mark.parametrize("semitones", [-4.0, 1.0, 3.0])
def test_a_shift_of_the_pitch_is_measured_in_semitones_and_hertz(semitones: float) -> None:
    ratio = 2 ** (semitones / 12)
    measures = Reference(vowel(140)).compare(vowel(140 * ratio))
    assert value(measures["f0_rmse_semitones"]) ** 0.5 == pytest.approx(abs(semitones), abs=0.15)
    assert value(measures["f0_rmse_hz"]) ** 0.5 == pytest.approx(140 * abs(ratio - 1), rel=0.05, abs=1.0)
    assert value(measures["f0_correlation"]) > 0.9  # the melody is the same, but for the estimator's jitter


def test_a_flat_melody_has_no_correlation_to_offer_and_an_inverted_one_a_negative() -> None:
    reference = Reference(vowel(140))
    assert value(reference.compare(vowel(140, vibrato=-0.05))["f0_correlation"]) < -0.9
    assert reference.compare(torch.zeros(48_000))["f0_correlation"].count == 0


def test_a_change_of_level_is_a_constant_on_the_log_mel_and_in_decibels() -> None:
    sound = vowel(140) + 0.003 * torch.randn(48_000, generator=torch.Generator().manual_seed(0))
    measures = Reference(sound).compare(0.5 * sound)
    assert value(measures["mel_distance_nats"]) == pytest.approx(np.log(2), rel=0.01)
    assert value(measures["log_spectral_distance_db"]) == pytest.approx(20 * np.log10(2), rel=0.2)
    assert value(measures["energy_correlation"]) == pytest.approx(1.0, abs=1e-3)


def test_what_lies_behind_the_end_of_the_recording_is_ignored() -> None:
    sound = torch.from_numpy(voice(2.0, 120, seed=1))
    longer = torch.cat([sound, torch.ones(200)])
    assert value(Reference(sound).compare(longer)["mel_distance_nats"]) == 0.0


def test_silence_in_place_of_a_voice_is_a_voicing_error() -> None:
    measures = Reference(vowel(140)).compare(torch.zeros(48_000))
    assert value(measures["voicing_error"]) > 0.9
    assert measures["f0_rmse_hz"].count == 0
