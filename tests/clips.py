"""Clips as a visitor would bring them: a voice-like sound of even level, made on the spot, and wav files of it."""

import math
from pathlib import Path

import torch
from torch import Tensor

SAMPLE_RATE_HZ = 16_000


def speechlike(seconds: float = 6.0, hz: float = 130.0, amplitude: float = 0.3, seed: int = 0) -> Tensor:
    """[samples] at 16 kHz with a pitch that glides around `hz` and about four syllables in a second."""
    time = torch.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    generator = torch.Generator().manual_seed(seed)
    phase_shift = 6.28 * torch.rand(1, generator=generator)
    pitch = hz * (1 + 0.12 * torch.sin(2 * math.pi * 0.7 * time + phase_shift))
    phase = 2 * math.pi * torch.cumsum(pitch, 0) / SAMPLE_RATE_HZ
    first = 500 + 200 * torch.sin(2 * math.pi * 1.9 * time + phase_shift)  # formants that move as vowels do
    second = 1500 + 500 * torch.sin(2 * math.pi * 1.3 * time)
    voice = torch.zeros_like(time)
    for harmonic in range(1, 25):
        frequency = harmonic * pitch
        gain = torch.exp(-(((frequency - first) / 250) ** 2)) + 0.5 * torch.exp(-(((frequency - second) / 350) ** 2))
        voice += (gain + 0.05) * torch.sin(harmonic * phase)
    syllables = (0.55 + 0.45 * torch.sin(2 * math.pi * 3.7 * time + phase_shift)).clamp_min(0.02)
    sound = voice * syllables + 0.01 * torch.randn(time.shape, generator=generator)
    return amplitude * sound / sound.abs().max()


def write_wav16(path: Path, waveform: Tensor, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Path:
    """Write [samples] as a 16-bit wav file."""
    import soundfile

    soundfile.write(path, waveform.numpy(), sample_rate_hz, subtype="PCM_16")
    return path
