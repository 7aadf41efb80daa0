"""HiFi-GAN generator of the published system, weight norm folded (spec section 6, arXiv 2010.05646).

B batch, T frames, M mel bins, C channels.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import HiFiGANConfig

SLOPE = 0.1  # of every leaky ReLU but the last, which has torch's default


class ResidualBlock(nn.Module):
    """Pairs of convolutions, the first of each pair dilated, every pair with its own residual."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size, dilation=d, padding=d * (kernel_size - 1) // 2)
            for d in dilations
        )
        self.convs2 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size, padding=(kernel_size - 1) // 2) for _ in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, samples] to the same shape."""
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            x = x + plain(F.leaky_relu(dilated(F.leaky_relu(x, SLOPE)), SLOPE))
        return x


class HiFiGAN(nn.Module):
    """Natural-log mel to waveform by transposed convolutions; parameter names are the published ones.

    Raises:
        ValueError: rates and kernels that do not give exactly `hop_samples` samples for every frame.
    """

    def __init__(self, config: HiFiGANConfig = HiFiGANConfig()) -> None:
        super().__init__()
        self.config = config
        _check_rates(config)
        kernel = config.kernel_size
        widths = [config.channels // 2**i for i in range(len(config.upsample_rates) + 1)]
        self.conv_pre = nn.Conv1d(config.mel.num_mels, widths[0], kernel, padding=(kernel - 1) // 2)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(
                widths[i], widths[i + 1], size, rate, padding=rate // 2 + rate % 2, output_padding=rate % 2
            )
            for i, (rate, size) in enumerate(zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True))
        )
        self.resblocks = nn.ModuleList(
            ResidualBlock(width, size, dilations)
            for width in widths[1:]
            for size, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilations, strict=True)
        )
        self.conv_post = nn.Conv1d(widths[-1], 1, kernel, padding=(kernel - 1) // 2)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d) and module is not self.conv_pre:
                nn.init.normal_(module.weight, 0.0, 0.01)  # published

    def forward(self, mel: Tensor) -> Tensor:
        """Return the waveform of a mel.

        Args:
            mel: natural-log mel [B, T, M].
        Returns:
            [B, T * hop] in [-1, 1].
        """
        per_stage = len(self.config.resblock_kernel_sizes)
        x = self.conv_pre(mel.to(self.conv_pre.weight.dtype).transpose(1, 2))
        for i, upsample in enumerate(self.ups):
            x = upsample(F.leaky_relu(x, SLOPE))
            mixed = self.resblocks[i * per_stage](x)
            for j in range(1, per_stage):
                mixed = mixed + self.resblocks[i * per_stage + j](x)
            x = mixed / per_stage
        return torch.tanh(self.conv_post(F.leaky_relu(x))).squeeze(1).float()

    @property
    def context_frames(self) -> int:
        """Return the frames on each side that a frame's samples can depend on."""
        config = self.config
        radius = (config.kernel_size - 1) // 2
        block = max(
            sum((size - 1) // 2 * (dilation + 1) for dilation in dilations)
            for size, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilations, strict=True)
        )
        for rate, size in reversed(list(zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True))):
            radius = -(-(radius + block + size) // rate)
        return radius + (config.kernel_size - 1) // 2


def _check_rates(config: HiFiGANConfig) -> None:
    if math.prod(config.upsample_rates) != config.mel.hop_samples:
        raise ValueError(
            f"upsample_rates {list(config.upsample_rates)} multiply to {math.prod(config.upsample_rates)}; "
            f"expected the hop of {config.mel.hop_samples} samples"
        )
    if any(size != 2 * rate for rate, size in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True)):
        raise ValueError(
            f"upsample_kernel_sizes {list(config.upsample_kernel_sizes)} must be twice the upsample_rates "
            f"{list(config.upsample_rates)}, or a frame would not give exactly one hop of samples"
        )
