"""Discriminators of the vocoder: multi-period (arXiv 2010.05646) and multi-resolution (arXiv 2106.07889), narrow.

B batch, W the discriminator's base width. Each returns its score map and its hidden layers (for feature matching).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

INPUT_GAIN = (
    8.0  # brings speech at -23 LUFS (root mean square about 0.07) near unit scale: without it they learn nothing
)
SLOPE = 0.1  # of the leaky ReLU, as in HiFi-GAN


def _convolution(inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)) -> nn.Module:
    padding = (kernel[0] // 2, kernel[1] // 2)
    return weight_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding))


class _Layers(nn.Module):
    """A column of convolutions, the last of which gives the score."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def score(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        # Channels-last halves the time of these thin convolutions on a CPU.
        x = x.contiguous(memory_format=torch.channels_last)
        hidden = []
        for layer in self.layers[:-1]:
            x = nn.functional.leaky_relu(layer(x), SLOPE)
            hidden.append(x)
        return self.layers[-1](x), hidden


class PeriodDiscriminator(_Layers):
    """Discriminator of the waveform folded into columns of `period` samples."""

    def __init__(self, period: int, width: int) -> None:
        channels = (1, width, 2 * width, 4 * width, 4 * width)
        layers = [_convolution(inputs, outputs, (5, 1), (3, 1)) for inputs, outputs in pairwise(channels)]
        layers += [_convolution(4 * width, 4 * width, (5, 1)), _convolution(4 * width, 1, (3, 1))]
        super().__init__(layers)
        self.period = period

    def forward(self, waveform: Tensor) -> tuple[Tensor, list[Tensor]]:  # [B, samples]
        padded = nn.functional.pad(waveform.unsqueeze(1), (0, -waveform.shape[-1] % self.period), mode="reflect")
        return self.score(padded.unflatten(-1, (-1, self.period)))  # [B, 1, samples / period, period]


class ResolutionDiscriminator(_Layers):
    """Discriminator of a compressed magnitude spectrogram, time x frequency."""

    window: Tensor

    def __init__(self, n_fft: int, width: int) -> None:
        layers = [_convolution(1, width, (3, 9), (1, 2))]
        layers += [_convolution(width, width, (3, 9), (1, 2)) for _ in range(3)]
        layers += [_convolution(width, width, (3, 3)), _convolution(width, 1, (3, 3))]
        super().__init__(layers)
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, waveform: Tensor) -> tuple[Tensor, list[Tensor]]:  # [B, samples]
        with torch.autocast(waveform.device.type, enabled=False):
            spectrum = torch.stft(
                waveform.float(), self.n_fft, self.n_fft // 4, window=self.window, center=True, return_complex=True
            )
            power = torch.view_as_real(spectrum).square().sum(-1)
            # The fourth root of the power keeps weak harmonics visible without the noise of a logarithm.
            compressed = (power + 1e-6).pow(0.25)
        return self.score(compressed.transpose(1, 2).unsqueeze(1))  # [B, 1, frames, K]


class Discriminators(nn.Module):
    """All discriminators, side by side."""

    def __init__(self, periods: Sequence[int], period_width: int, n_ffts: Sequence[int], resolution_width: int) -> None:
        super().__init__()
        members: list[nn.Module] = [PeriodDiscriminator(period, period_width) for period in periods]
        members += [ResolutionDiscriminator(n_fft, resolution_width) for n_fft in n_ffts]
        self.members = nn.ModuleList(members)

    def forward(self, waveform: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Return scores and hidden layers, one entry per discriminator, of waveforms [B, samples]."""
        outputs = [member(INPUT_GAIN * waveform) for member in self.members]
        return [score for score, _ in outputs], [hidden for _, hidden in outputs]
