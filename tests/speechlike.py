"""Synthetic signals with pitch, formants and rhythm, so that no recording is committed for tests."""

import numpy as np
import torch
from torch import Tensor


def voice(seconds: float, f0_hz: float, seed: int, rate: int = 16_000) -> np.ndarray:
    """A buzz with a moving resonance and pauses, float32 [samples]: not speech, but with what analyses look for."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    pitch = f0_hz * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time + random.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formant = 600 + 300 * np.sin(2 * np.pi * 1.3 * time + random.uniform(0, 6))
    wave = sum(
        np.exp(-(((k * pitch - formant) / 400) ** 2)) * np.sin(k * phase) + 0.05 * np.sin(k * phase) / k
        for k in range(1, 20)
    )
    rhythm = np.clip(np.sin(2 * np.pi * 2.1 * time + random.uniform(0, 6)) + 0.7, 0, 1)
    return (0.2 * wave * rhythm + 0.001 * random.standard_normal(len(time))).astype(np.float32)


def vowel(f0_hz: float, seconds: float = 3.0, vibrato: float = 0.05) -> Tensor:
    """A steady vowel with a slow melody: harmonics under three formants, [samples] at 16 kHz."""
    time = torch.arange(int(seconds * 16_000)) / 16_000
    pitch = f0_hz * (1 + vibrato * torch.sin(2 * torch.pi * 0.8 * time))
    phase = 2 * torch.pi * torch.cumsum(pitch, 0) / 16_000
    wave = torch.zeros_like(time)
    for number in range(1, 30):
        hz = number * f0_hz
        gain = sum(np.exp(-(((hz - formant) / 150) ** 2)) for formant in (650, 1100, 2500)) + 0.02
        wave += gain * torch.sin(number * phase) if hz < 7500 else 0
    return 0.1 * wave
