"""What bad recordings add to speech, for training and for measuring: noise, hum, rooms, limits of the band.

All randomness comes from torch's global generator.
"""

import math

import torch
from torch import Tensor

HUM_HARMONICS = 6
RIR_SECONDS = 0.5


def coloured_noise(num_samples: int, slope_db: float, sample_rate_hz: int) -> Tensor:
    """Return noise [samples] of root mean square 1 whose level falls by so many dB an octave above 50 Hz."""
    spectrum = torch.fft.rfft(torch.randn(num_samples))
    hz = torch.linspace(0, sample_rate_hz / 2, len(spectrum)).clamp_min(50.0)
    shaped = torch.fft.irfft(spectrum * (hz / 50.0) ** (slope_db / (20 * math.log10(2))), num_samples)
    return shaped / root_mean_square(shaped)


def hum(num_samples: int, sample_rate_hz: int) -> Tensor:
    """Return mains hum [samples] of root mean square 1: 50 or 60 Hz and some harmonics."""
    mains_hz = 50.0 if float(torch.rand(())) < 0.5 else 60.0
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


def level_below(sound: Tensor, snr_db: float) -> float:
    """Return the root mean square of a signal that is so many dB below a sound [samples]."""
    return float(root_mean_square(sound)) * 10 ** (-snr_db / 20)


def as_loud_as(sound: Tensor, other: Tensor) -> Tensor:
    """Return a sound [samples] with the root mean square of another."""
    return sound * (root_mean_square(other) / root_mean_square(sound))


def root_mean_square(sound: Tensor) -> Tensor:
    """Return the root mean square of a sound [samples], at least 1e-9."""
    return sound.square().mean().sqrt().clamp_min(1e-9)
