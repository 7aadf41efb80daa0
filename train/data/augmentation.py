"""Augmentation of training clips: rooms, microphones and lines on waveforms, SpecAugment on mels.

All randomness comes from torch's global generator, which the loop seeds for every step.
"""

import math
from typing import Protocol

import torch
import torchaudio
from torch import Tensor

from undertone.engine.audio.disturbances import add_reverberation, coloured_noise, hum, level_below, limit_band
from undertone.engine.config import SAMPLE_RATE_HZ, Config


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
        sound = sound + noise * level_below(sound, _uniform(*config.noise_snr_db))
    if _uniform(0, 1) < config.hum_probability:
        sound = sound + hum(len(sound), sample_rate_hz) * level_below(sound, _uniform(*config.hum_snr_db))
    low_hz = _uniform(*config.high_pass_hz) if _uniform(0, 1) < config.high_pass_probability else 0.0
    high_hz = _uniform(*config.low_pass_hz) if _uniform(0, 1) < config.low_pass_probability else math.inf
    sound = limit_band(sound, low_hz, high_hz, sample_rate_hz) * 10 ** (_uniform(*config.gain_db) / 20)
    if _uniform(0, 1) < config.dc_probability:
        sound = sound + _uniform(*config.dc)
    return sound.clamp(-1.0, 1.0)


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


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
