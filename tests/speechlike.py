"""Synthetic signals with pitch, formants and rhythm, so that no recording is committed for tests."""

import numpy as np


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
