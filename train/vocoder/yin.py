"""Pitch of training segments by YIN (de Cheveigné and Kawahara, 2002): cheap enough for every step.

CREPE (`engine/audio/pitch.py`) makes fewer errors and costs a twentieth of the sound's length; a network that learns
the median of many segments does not repeat YIN's occasional octave errors.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

MIN_HZ, MAX_HZ = 60.0, 500.0
WINDOW_SAMPLES = 1024
DIP = 0.12  # the first lag whose difference falls below it is the period
VOICED = 0.3  # at most, at the period, for a frame to count as voiced


def yin(waveform: Tensor, hop_samples: int, sample_rate_hz: int) -> tuple[Tensor, Tensor]:
    """Return the pitch of waveforms, and which frames are voiced.

    Args:
        waveform: float32 [B, samples].
    Returns:
        hz: float32 [B, ceil(samples / hop)], meaningless where unvoiced; frame i is centred on sample i * hop.
        voiced: bool, of the same shape.
    """
    difference = _normalised_difference(waveform, hop_samples, sample_rate_hz)  # [B, T, L]
    shortest = int(sample_rate_hz / MAX_HZ)
    searched = difference[..., shortest:-1]
    dip = (
        (searched < DIP)
        & (searched <= difference[..., shortest + 1 :])
        & (searched <= difference[..., shortest - 1 : -2])
    )
    first = dip.float().argmax(-1)
    lag = torch.where(dip.any(-1), first, searched.argmin(-1)) + shortest
    before, at, after = (difference.gather(-1, (lag + step)[..., None])[..., 0] for step in (-1, 0, 1))
    curve = (before - 2 * at + after).clamp_min(1e-6)
    period = lag + (0.5 * (before - after) / curve).clamp(-0.5, 0.5)
    return sample_rate_hz / period, at < VOICED


def _normalised_difference(waveform: Tensor, hop_samples: int, sample_rate_hz: int) -> Tensor:
    """Return the cumulative mean normalised difference [B, T, L + 1] of lags 0 to L around each frame's centre."""
    longest = int(sample_rate_hz / MIN_HZ) + 1
    size = WINDOW_SAMPLES - longest  # samples compared with those a lag later
    frames = -(-waveform.shape[-1] // hop_samples)
    needed = (frames - 1) * hop_samples + WINDOW_SAMPLES
    left = WINDOW_SAMPLES // 2
    padded = F.pad(waveform, (left, max(0, needed - left - waveform.shape[-1])))[..., :needed]
    window = padded.unfold(-1, WINDOW_SAMPLES, hop_samples)  # [B, T, W]
    n_fft = 2 * WINDOW_SAMPLES
    spectrum = torch.fft.rfft(window, n_fft)
    product = torch.fft.irfft(spectrum * torch.fft.rfft(window[..., :size], n_fft).conj(), n_fft)[..., : longest + 1]
    energy = F.pad(window.double().square().cumsum(-1), (1, 0))
    later = (energy[..., size : size + longest + 1] - energy[..., : longest + 1]).float()
    difference = (later[..., :1] + later - 2 * product).clamp_min(0)
    lags = torch.arange(1, longest + 1, device=waveform.device)
    mean = difference[..., 1:].cumsum(-1) / lags
    normalised = difference[..., 1:] / mean.clamp_min(1e-8)
    return torch.cat([torch.ones_like(normalised[..., :1]), normalised], dim=-1)
