"""Pitch, energy and level against signals whose values are known, and against torchcrepe."""

import math

import pytest
import torch

from tests.clips import speechlike
from undertone.engine.audio import pitch as pitch_module
from undertone.engine.audio.acoustics import energy_db, level, num_frames, pitch


def harmonic_tone(hz: torch.Tensor) -> torch.Tensor:
    """Ten harmonics that follow [samples] of pitch, in the little noise that every recording has.

    (The loudness that decides on silence averages decibels over all frequencies: without any noise it is -60 dB.)
    """
    phase = 2 * math.pi * torch.cumsum(hz, 0) / 16_000
    noise = 0.003 * torch.randn(hz.shape, generator=torch.Generator().manual_seed(0))
    return 0.1 * torch.stack([torch.sin(k * phase) / k for k in range(1, 11)]).sum(0) + noise


def cents(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (1200 * torch.log2(a / b)).abs()


@pytest.mark.parametrize("hz", [85.0, 130.0, 220.0, 400.0])
def test_a_steady_tone_has_its_pitch_in_every_frame(hz: float) -> None:
    track = pitch(harmonic_tone(torch.full((16_000,), hz)))
    inner = track.hz[2:-2]
    assert track.voiced[2:-2].all()
    assert cents(inner, torch.tensor(hz)).max() < 25


def test_a_glide_is_followed() -> None:
    hz = torch.linspace(110, 220, 32_000)
    track = pitch(harmonic_tone(hz))
    centres = torch.arange(len(track.hz)) * 320
    assert cents(track.hz[3:-3], hz[centres[3:-3]]).max() < 40


def test_noise_and_silence_have_no_pitch() -> None:
    noise = 0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(1))
    assert pitch(noise).voiced.float().mean() < 0.1
    assert not pitch(torch.zeros(16_000)).voiced.any()


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 321, 16_000, 16_100])
def test_every_track_has_the_frames_of_the_mel(samples: int) -> None:
    waveform = torch.randn(samples, generator=torch.Generator().manual_seed(2))
    expected = math.ceil(samples / 320)
    assert num_frames(samples) == len(energy_db(waveform)) == expected
    if samples > 512:
        assert len(pitch(waveform).hz) == expected


def test_the_same_sound_gives_the_same_pitch() -> None:
    sound = speechlike(2.0)
    assert torch.equal(pitch(sound).hz.nan_to_num(0), pitch(sound).hz.nan_to_num(0))


def test_loudness_is_the_one_of_torchcrepe() -> None:
    torchcrepe = pytest.importorskip("torchcrepe")
    sound = speechlike(1.0)
    expected = torchcrepe.loudness.a_weighted(sound[None], 16_000, 320)[0]
    assert torch.allclose(pitch_module._a_weighted_db(sound), expected, atol=1e-3)


def test_the_viterbi_path_is_the_likeliest() -> None:
    probabilities = torch.rand(7, 40, generator=torch.Generator().manual_seed(4))
    bins = torch.arange(40)
    transition = (12 - (bins[:, None] - bins).abs()).clamp_min(0).float().log()
    emission = probabilities.softmax(dim=1).log()
    score = emission[0]
    back = []
    for frame in emission[1:]:
        best, previous = (score[:, None] + transition).max(dim=0)
        back.append(previous)
        score = best + frame
    path = [int(score.argmax())]
    for previous in reversed(back):
        path.append(int(previous[path[-1]]))
    assert pitch_module._viterbi(probabilities).tolist() == path[::-1]


def test_energy_is_the_level_of_a_sine() -> None:
    sine = 0.5 * torch.sin(2 * math.pi * 400 * torch.arange(16_000) / 16_000)
    inner = energy_db(sine)[2:-2]
    assert inner == pytest.approx(torch.full_like(inner, 20 * math.log10(0.5) - 3.01).numpy(), abs=0.05)
    assert energy_db(torch.zeros(640)).tolist() == [-100.0, -100.0]


def test_level_tells_clipping_and_silence() -> None:
    half_silent = torch.cat([torch.zeros(16_000), speechlike(1.0)])
    assert level(half_silent).silent_fraction == pytest.approx(0.5, abs=0.05)
    clipped = (16 * speechlike(1.0)).clamp(-1, 1)
    assert level(clipped).clipped_fraction > 0.05
    assert level(clipped).peak_db == pytest.approx(0.0, abs=0.01)
    assert level(torch.zeros(0)).silent_fraction == 1.0
