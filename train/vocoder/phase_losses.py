"""Losses of a waveform's phase that do not mind where it wraps (APNet2, arXiv 2311.11545; FreeV, arXiv 2406.08196).

Phase itself follows the position of every sample; its change over frequency (group delay) and over time (instantaneous
frequency) are what is audible of it. [B, samples] at 16 kHz, K frequency bins.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def anti_wrap(difference: Tensor) -> Tensor:
    """Return how far apart two phases are, whatever the number of turns between them: in [0, pi]."""
    return (difference - 2 * math.pi * (difference / (2 * math.pi)).round()).abs()


class PhaseLoss(nn.Module):
    """Anti-wrapped differences of phase, group delay and instantaneous frequency, in radians.

    Bins count by the amplitude of the real waveform: the phase of an inaudible bin is random.

    Args:
        n_ffts: window lengths; the hop is a quarter of each.
        weights: of phase, group delay and instantaneous frequency. A generator whose phase starts anywhere, such as one
            that integrates a pitch, can only learn the last.
    """

    def __init__(self, n_ffts: Sequence[int] = (1024, 512), weights: tuple[float, float, float] = (1.0, 1.0, 1.0)):
        super().__init__()
        self.n_ffts, self.weights = tuple(n_ffts), weights
        for n_fft in self.n_ffts:
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def forward(self, generated: Tensor, target: Tensor) -> Tensor:
        """Return the distance of two batches of waveforms [B, samples], a scalar."""
        losses = [self._at(n_fft, generated, target) for n_fft in self.n_ffts]
        return torch.stack(losses).mean()

    def _at(self, n_fft: int, generated: Tensor, target: Tensor) -> Tensor:
        made, real = (self._spectrum(waveform, n_fft) for waveform in (generated, target))
        amplitude = real.abs().detach()
        # The angle's gradient is without limit at zero amplitude; a bin there counts nothing.
        audible = amplitude > 1e-4 * amplitude.max().clamp_min(1e-9)
        offset = torch.where(made.abs() > 1e-7, made, torch.ones_like(made)).angle() - real.angle()
        weight = amplitude * audible
        losses = (
            _mean(anti_wrap(offset), weight),
            _mean(anti_wrap(offset.diff(dim=1)), torch.minimum(weight[:, 1:], weight[:, :-1])),
            _mean(anti_wrap(offset.diff(dim=2)), torch.minimum(weight[..., 1:], weight[..., :-1])),
        )
        return sum((share * loss for share, loss in zip(self.weights, losses, strict=True)), generated.new_zeros(()))

    def _spectrum(self, waveform: Tensor, n_fft: int) -> Tensor:
        window = self.get_buffer(f"window_{n_fft}")
        return torch.stft(waveform, n_fft, n_fft // 4, window=window, center=True, return_complex=True)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp_min(1e-9)
