"""Short-time Fourier transforms as matrix products: their operators in ONNX are missing or slow in a browser.

N samples, T frames, K = n_fft // 2 + 1 bins.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def framed(samples: Tensor, size: int, hop: int, num_frames: int) -> Tensor:
    """Return the frames of a signal, [T, size], every `hop` samples from the first.

    Args:
        samples: [N], N at least the samples of `num_frames` hops; zeros are added where the last frames need them.
    """
    per_frame = -(-size // hop)
    rows = num_frames + per_frame - 1
    missing = rows * hop - samples.shape[0]
    whole = F.pad(samples, (0, missing)).reshape(rows, hop)
    return torch.cat([whole[i : i + num_frames] for i in range(per_frame)], dim=1)[:, :size]


def overlapped(frames: Tensor, size: int, hop: int) -> Tensor:
    """Return the sum of frames [T, size] that begin every `hop` samples, [(T - 1) * hop + size] and some zeros."""
    per_frame = -(-size // hop)
    padded = F.pad(frames, (0, per_frame * hop - size))
    parts = padded.reshape(-1, per_frame, hop).unbind(1)
    rows = [F.pad(part, (0, 0, i, per_frame - 1 - i)) for i, part in enumerate(parts)]
    return torch.stack(rows).sum(0).reshape(-1)


def _angles(n_fft: int) -> Tensor:
    """Return 2 pi k n / n_fft of the first half of a frame, float64 [n_fft // 2 + 1, K], as small as it can be."""
    half = torch.arange(n_fft // 2 + 1)
    return 2 * math.pi * (half[:, None] * half % n_fft).double() / n_fft


def _pairs(n_fft: int) -> int:
    """Return how many samples n have another at n_fft - n; cosines are the same at both, sines are opposite."""
    return (n_fft - 1) // 2


class Spectrum(nn.Module):
    """Frames to the real and imaginary part of their spectrum; each pair of samples is multiplied once.

    Args:
        n_fft: samples of a frame.
        window: [n_fft].
    """

    window: Tensor
    cosines: Tensor
    sines: Tensor

    def __init__(self, n_fft: int, window: Tensor) -> None:
        super().__init__()
        angles, self.pairs = _angles(n_fft), _pairs(n_fft)
        self.register_buffer("window", window)
        self.register_buffer("cosines", angles.cos().float())
        self.register_buffer("sines", -angles[1 : self.pairs + 1].sin().float())

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return two [T, K] of frames [T, n_fft]."""
        windowed, pairs = frames * self.window, self.pairs
        near, far = windowed[:, 1 : pairs + 1], windowed[:, -pairs:].flip(1)
        middle = windowed[:, pairs + 1 : -pairs]  # one sample where n_fft is even, else none
        even = torch.cat([windowed[:, :1], near + far, middle], dim=1)
        return even @ self.cosines, (near - far) @ self.sines


class InverseSpectrum(nn.Module):
    """Spectra to the samples whose frames, centred on every `hop` samples, have them (`torch.istft`).

    Args:
        n_fft: samples of a frame.
        hop: from frame to frame.
        window: [n_fft].
    """

    window: Tensor
    squared: Tensor
    cosines: Tensor
    sines: Tensor

    def __init__(self, n_fft: int, hop: int, window: Tensor) -> None:
        super().__init__()
        angles, self.pairs = _angles(n_fft), _pairs(n_fft)
        weight = torch.full((n_fft // 2 + 1,), 2.0 / n_fft, dtype=torch.float64)
        weight[0] = 1.0 / n_fft
        if n_fft % 2 == 0:
            weight[-1] = 1.0 / n_fft
        self.hop, self.n_fft = hop, n_fft
        self.register_buffer("window", window)
        self.register_buffer("squared", window.square())
        self.register_buffer("cosines", (angles.cos() * weight).T.float().contiguous())
        self.register_buffer("sines", (-angles.sin() * weight).T[:, 1 : self.pairs + 1].float().contiguous())

    def forward(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """Return [T * hop] samples of two [T, K]."""
        size, hop = self.n_fft, self.hop
        num_samples, start = real.shape[0] * hop, size // 2
        signal = overlapped(self._frames(real @ self.cosines, imaginary @ self.sines) * self.window, size, hop)
        envelope = overlapped(torch.ones_like(real[:, :1]) * self.squared, size, hop)
        return signal[start : start + num_samples] / envelope[start : start + num_samples]

    def _frames(self, even: Tensor, odd: Tensor) -> Tensor:
        """Return frames [T, n_fft] of their parts that are the same, and opposite, at both samples of a pair."""
        paired = even[:, 1 : self.pairs + 1]
        middle = even[:, self.pairs + 1 :]
        return torch.cat([even[:, :1], paired + odd, middle, (paired - odd).flip(1)], dim=1)
