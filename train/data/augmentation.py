"""Augmentation of training clips: rooms, microphones and lines on waveforms, SpecAugment on mels.

All randomness comes from torch's global generator, which the loop seeds for every step.
"""

import math
from typing import Protocol

import torch
import torchaudio
from torch import Tensor

from undertone.engine.config import SAMPLE_RATE_HZ, Config

HUM_HARMONICS = 6
RIR_SECONDS = 0.5


class AugmentationConfig(Config):
    """Probability and strength of each disturbance; strengths are drawn uniformly from their ranges."""

    clean_share: float = 0.35  # of the clips, which nothing is done to
    noise_probability: float = 0.5
    noise_snr_db: tuple[float, float] = (5.0, 40.0)
    noise_slope_db: tuple[float, float] = (-6.0, 0.0)  # per octave: -3 is pink, 0 white
    hum_probability: float = 0.2
    hum_snr_db: tuple[float, float] = (5.0, 30.0)
    reverberation_probability: float = 0.3
    reverberation_seconds: tuple[float, float] = (0.1, 0.7)  # until it is 60 dB weaker
    reverberation_db: tuple[float, float] = (-20.0, 0.0)  # against the direct sound
    low_pass_probability: float = 0.25
    low_pass_hz: tuple[float, float] = (2500.0, 7000.0)
    high_pass_probability: float = 0.25
    high_pass_hz: tuple[float, float] = (60.0, 400.0)
    gain_db: tuple[float, float] = (-20.0, 10.0)
    dc_probability: float = 0.1
    dc: tuple[float, float] = (-0.05, 0.05)


def augment_waveform(waveform: Tensor, config: AugmentationConfig, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Tensor:
    """Return a clip as a bad recording of it would sound: [samples] to float32 [samples] within [-1, 1]."""
    if _uniform(0, 1) < config.clean_share:
        return waveform
    sound = waveform
    if _uniform(0, 1) < config.reverberation_probability:
        level = 10 ** (_uniform(*config.reverberation_db) / 20)
        sound = add_reverberation(sound, _uniform(*config.reverberation_seconds), level, sample_rate_hz)
    if _uniform(0, 1) < config.noise_probability:
        noise = coloured_noise(len(sound), _uniform(*config.noise_slope_db), sample_rate_hz)
        sound = sound + noise * _level(sound, _uniform(*config.noise_snr_db))
    if _uniform(0, 1) < config.hum_probability:
        sound = sound + hum(len(sound), sample_rate_hz) * _level(sound, _uniform(*config.hum_snr_db))
    low_hz = _uniform(*config.high_pass_hz) if _uniform(0, 1) < config.high_pass_probability else 0.0
    high_hz = _uniform(*config.low_pass_hz) if _uniform(0, 1) < config.low_pass_probability else math.inf
    sound = limit_band(sound, low_hz, high_hz, sample_rate_hz) * 10 ** (_uniform(*config.gain_db) / 20)
    if _uniform(0, 1) < config.dc_probability:
        sound = sound + _uniform(*config.dc)
    return sound.clamp(-1.0, 1.0)


def coloured_noise(num_samples: int, slope_db: float, sample_rate_hz: int) -> Tensor:
    """Return noise [samples] of root mean square 1 whose level falls by so many dB an octave above 50 Hz."""
    spectrum = torch.fft.rfft(torch.randn(num_samples))
    hz = torch.linspace(0, sample_rate_hz / 2, len(spectrum)).clamp_min(50.0)
    shaped = torch.fft.irfft(spectrum * (hz / 50.0) ** (slope_db / (20 * math.log10(2))), num_samples)
    return shaped / root_mean_square(shaped)


def hum(num_samples: int, sample_rate_hz: int) -> Tensor:
    """Return mains hum [samples] of root mean square 1: 50 or 60 Hz and some harmonics."""
    mains_hz = 50.0 if _uniform(0, 1) < 0.5 else 60.0
    time = torch.arange(num_samples) / sample_rate_hz
    order = torch.arange(1, HUM_HARMONICS + 1)[:, None]
    weight, phase = torch.rand(HUM_HARMONICS, 1) / order, 2 * math.pi * torch.rand(HUM_HARMONICS, 1)
    sound = (weight * torch.sin(2 * math.pi * mains_hz * order * time + phase)).sum(0)
    return sound / root_mean_square(sound)


def add_reverberation(waveform: Tensor, seconds: float, level: float, sample_rate_hz: int) -> Tensor:
    """Add noise that decays by 60 dB in `seconds`, `level` times as strong as the direct sound in root mean square."""
    taps = max(2, round(sample_rate_hz * min(seconds, RIR_SECONDS)))
    decay = torch.exp(-math.log(1000.0) * torch.arange(taps) / (seconds * sample_rate_hz))
    response = torch.randn(taps) * decay
    response = level * response / response.square().sum().sqrt()
    response[0] = 1.0
    size = 1 << (len(waveform) + taps - 1).bit_length()
    product = torch.fft.rfft(waveform, size) * torch.fft.rfft(response, size)
    return torch.fft.irfft(product, size)[: len(waveform)]


def limit_band(waveform: Tensor, low_hz: float, high_hz: float, sample_rate_hz: int) -> Tensor:
    """Return the waveform between two frequencies, with edges a third of an octave wide."""
    if low_hz <= 0 and math.isinf(high_hz):
        return waveform
    spectrum = torch.fft.rfft(waveform)
    octave = torch.linspace(0, sample_rate_hz / 2, len(spectrum)).clamp_min(1e-3).log2()
    gain = torch.ones_like(octave)
    if low_hz > 0:
        gain = gain * ((octave - math.log2(low_hz)) * 3 + 0.5).clamp(0, 1)
    if math.isfinite(high_hz):
        gain = gain * ((math.log2(high_hz) - octave) * 3 + 0.5).clamp(0, 1)
    return torch.fft.irfft(spectrum * gain, len(waveform))


class MaskSettings(Protocol):
    """SpecAugment's settings (arXiv 1904.08779), as a recipe has them."""

    @property
    def frequency_masks(self) -> int: ...
    @property
    def frequency_mask_bins(self) -> int: ...
    @property
    def time_masks_per_second(self) -> float: ...
    @property
    def time_mask_frames(self) -> int: ...


def mask_mel(log_mel: Tensor, settings: MaskSettings, frames_per_second: int) -> Tensor:
    """Return a log-mel [N, M] with bands of bins and of frames replaced by the clip's mean."""
    fill = float(log_mel.mean())
    spectrogram = log_mel.T[None]  # torchaudio masks [..., frequency, time]
    for _ in range(settings.frequency_masks):
        spectrogram = torchaudio.functional.mask_along_axis(spectrogram, settings.frequency_mask_bins, fill, axis=1)
    for _ in range(round(settings.time_masks_per_second * len(log_mel) / frames_per_second)):
        spectrogram = torchaudio.functional.mask_along_axis(spectrogram, settings.time_mask_frames, fill, axis=2)
    return spectrogram[0].T


def _level(sound: Tensor, snr_db: float) -> float:
    """Return the root mean square of a signal that is so many dB below a sound."""
    return float(root_mean_square(sound)) * 10 ** (-snr_db / 20)


def root_mean_square(sound: Tensor) -> Tensor:
    """Return the root mean square of a sound [samples], at least 1e-9."""
    return sound.square().mean().sqrt().clamp_min(1e-9)


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
