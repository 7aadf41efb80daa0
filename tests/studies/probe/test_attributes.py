"""What is measured when a latent is moved: the right number for a known change of a sound, nothing for none."""

import pytest
import torch
from torch import Tensor

from undertone.studies.probe.attributes import (
    CLIP_ATTRIBUTES,
    FRAME_ATTRIBUTES,
    analyse_tracks,
    attribute_changes,
    frame_attributes,
)


def vowel(f0_hz: float = 140.0, gain: float = 1.0, slope_db: float = -6.0, seconds: float = 2.0) -> Tensor:
    """Harmonics that fall by `slope_db` an octave, with a slow melody: [samples] at 16 kHz."""
    time = torch.arange(int(seconds * 16_000)) / 16_000
    phase = 2 * torch.pi * torch.cumsum(f0_hz * (1 + 0.05 * torch.sin(6 * time)), 0) / 16_000
    numbers = range(1, int(7000 / f0_hz))
    wave = sum(((k * f0_hz / 140) ** (slope_db / 6.0206)) * torch.sin(k * phase) for k in numbers)
    assert isinstance(wave, Tensor)
    return gain * 0.05 * wave


def syllables(count: int, seconds: float = 2.0) -> Tensor:
    time = torch.arange(int(seconds * 16_000)) / 16_000
    return vowel(seconds=seconds) * (0.02 + torch.sin(torch.pi * count * time / seconds).square())


@pytest.fixture(scope="module")
def before() -> Tensor:
    return vowel()


def test_the_same_sound_has_not_changed(before: Tensor) -> None:
    found = attribute_changes(analyse_tracks(before), analyse_tracks(before.clone()))
    assert set(found) == set(CLIP_ATTRIBUTES)
    assert all(value == 0 for value in found.values())


@pytest.mark.parametrize("semitones", [-3.0, 2.0])
def test_a_higher_voice_is_so_many_semitones_higher(before: Tensor, semitones: float) -> None:
    found = attribute_changes(analyse_tracks(before), analyse_tracks(vowel(140 * 2 ** (semitones / 12))))
    assert found["f0_mean"] == pytest.approx(semitones, abs=0.15)
    assert abs(found["f0_range"]) < 0.5
    assert abs(found["energy"]) < 2


def test_a_louder_voice_is_so_many_decibels_louder_and_otherwise_the_same(before: Tensor) -> None:
    found = attribute_changes(analyse_tracks(before), analyse_tracks(2 * before))
    assert found["energy"] == pytest.approx(6.02, abs=0.05)
    assert abs(found["tilt"]) < 0.05
    assert found["spectrum"] < 0.1
    assert abs(found["f0_mean"]) < 0.05


def test_a_brighter_voice_has_a_tilt_that_falls_less(before: Tensor) -> None:
    found = attribute_changes(analyse_tracks(before), analyse_tracks(vowel(slope_db=-3.0)))
    assert found["tilt"] == pytest.approx(3.0, abs=0.6)
    assert found["spectrum"] > 1


def test_noise_instead_of_a_voice_is_not_voiced_and_has_no_pitch(before: Tensor) -> None:
    noise = 0.1 * torch.randn(before.shape, generator=torch.Generator().manual_seed(0))
    found = attribute_changes(analyse_tracks(before), analyse_tracks(noise))
    assert found["voicing"] < -80
    assert "f0_mean" not in found


def test_syllables_are_counted_by_the_second() -> None:
    assert analyse_tracks(syllables(6)).syllable_rate == pytest.approx(3.0, abs=0.8)
    assert analyse_tracks(syllables(10)).syllable_rate == pytest.approx(5.0, abs=0.8)


def test_silence_gives_what_can_be_told_of_silence(before: Tensor) -> None:
    silence = analyse_tracks(torch.zeros_like(before))
    assert attribute_changes(silence, silence) == {"syllable_rate": 0.0, "speech_share": 0.0}


def test_frame_attributes_are_aligned_with_the_frames_and_missing_where_nothing_is_heard() -> None:
    wave = torch.cat([vowel(seconds=1.0), torch.zeros(16_000)])
    tokens = torch.arange(100) // 5
    found = frame_attributes(wave, tokens)
    assert set(found) == set(FRAME_ATTRIBUTES)
    assert all(track.shape == (100,) for track in found.values())
    assert found["energy"][5:45].isfinite().all()
    assert all(track[55:].isnan().all() for track in found.values())
    assert found["f0"][5:45].median() == pytest.approx(12 * torch.log2(torch.tensor(1.4)).item(), abs=1)
    assert found["token_rate"][10:40].mean() == pytest.approx(10, abs=2)
