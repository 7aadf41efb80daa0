"""The hum of the mains is taken away from under a voice, and a voice without hum stays as it was."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from undertone.engine.audio.hum import hum_harmonics, remove_hum
from undertone.engine.audio.reading import read_audio, resample

HARMONICS = ((1, 1.0), (2, 0.5), (3, 0.4), (5, 0.25))


@pytest.fixture(scope="module")
def voice() -> Tensor:
    """Three seconds of speech, [samples] at 16 kHz."""
    path = Path(__file__).parents[3] / "assets" / "examples" / "a-storyteller.wav"
    return resample(*read_audio(path))[:48_000]


def hum(hz: float, samples: int) -> Tensor:
    time = torch.arange(samples, dtype=torch.float64) / 16_000
    wave = sum(gain * torch.sin(2 * torch.pi * number * hz * time + number) for number, gain in HARMONICS)
    assert isinstance(wave, Tensor)
    return (wave / wave.std()).float()


def ratio_db(voice: Tensor, heard: Tensor) -> float:
    """Signal to noise of `heard`, in dB."""
    return 10 * float((voice.square().sum() / (heard - voice).square().sum()).log10())


@pytest.mark.parametrize(("mains_hz", "hz"), [(50, 50.0), (50, 50.08), (60, 59.95)])
def test_hum_goes_and_the_voice_stays(voice: Tensor, mains_hz: int, hz: float) -> None:
    heard = voice + 0.3 * voice.std() * hum(hz, len(voice))
    assert hum_harmonics(heard, mains_hz)[:2] == [1, 2]
    clean = remove_hum(heard, mains_hz)
    assert clean.dtype == torch.float32
    assert clean.shape == voice.shape
    assert ratio_db(voice, clean) > ratio_db(voice, heard) + 6
    assert hum_harmonics(clean, mains_hz) == []


def test_a_voice_without_hum_keeps_its_samples_to_the_bit(voice: Tensor) -> None:
    assert torch.equal(remove_hum(voice, 50), voice)
