"""Vocos-style generator: ConvNeXt blocks at the mel frame rate and an inverse STFT (arXiv 2306.00814).

B batch, T frames at 50 Hz, M mel bins, C channels, R spectral frames per mel frame, K = n_fft // 2 + 1 bins.
"""

import math

import torch
from torch import Tensor, nn

from undertone.engine.audio.mel import normalise
from undertone.engine.config import VocosConfig


class ConvNeXtBlock(nn.Module):
    """Depth-wise convolution over time, then a pointwise bottleneck, scaled and added to the input."""

    def __init__(self, channels: int, hidden_channels: int, kernel_size: int, scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand = nn.Linear(channels, hidden_channels)
        self.project = nn.Linear(hidden_channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Tensor) -> Tensor:  # [B, T, C] -> [B, T, C]
        mixed = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.project(nn.functional.gelu(self.expand(self.norm(mixed))))


class Vocos(nn.Module):
    """Natural-log mel to waveform; every mel frame yields exactly `hop_samples` samples.

    Mel frame i is centred on sample `i * hop_samples`, and so is its first spectral frame: the waveform
    is aligned with the mel it was made from, without a delay.
    """

    window: Tensor

    def __init__(self, config: VocosConfig = VocosConfig()) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Conv1d(
            config.mel.num_mels, config.channels, config.kernel_size, padding=config.kernel_size // 2
        )
        self.embed_norm = nn.LayerNorm(config.channels, eps=1e-6)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(config.channels, config.hidden_channels, config.kernel_size, 1 / config.num_layers)
            for _ in range(config.num_layers)
        )
        self.final_norm = nn.LayerNorm(config.channels, eps=1e-6)
        self.head = nn.Linear(config.channels, config.frames_per_mel * (config.n_fft + 2))
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        with (
            torch.no_grad()
        ):  # phase pi * k puts a frame's energy at its centre; phase 0 at its edge, where the window is 0
            self.head.bias.view(-1, 2, config.n_fft // 2 + 1)[:, 1, 1::2] = math.pi

    @property
    def context_frames(self) -> int:
        """Return the mel frames on each side of a block that can change its samples."""
        reach = self.config.kernel_size // 2 * (self.config.num_layers + 1)
        return reach + math.ceil(self.config.n_fft / 2 / self.config.mel.hop_samples)

    def features(self, log_mel: Tensor) -> Tensor:
        """Map natural-log mel [B, T, M] to the last hidden layer [B, T, C]."""
        mel = normalise(log_mel, self.config.mel)
        x = self.embed_norm(self.embed(mel.transpose(1, 2)).transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        return self.final_norm(x)

    def spectrum(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map the hidden layer [B, T, C] to log magnitude and phase, both float32 [B, T * R, K]."""
        batch, frames, _ = features.shape
        per_mel, bins = self.config.frames_per_mel, self.config.n_fft // 2 + 1
        head = self.head(features.to(self.head.weight.dtype)).float()
        log_magnitude, phase = head.view(batch, frames * per_mel, 2, bins).unbind(2)
        # The clamp keeps an early training step from overflowing; speech stays far below it.
        return log_magnitude.clamp(max=6.0), phase

    def waveform(self, features: Tensor) -> Tensor:
        """Map the hidden layer [B, T, C] to samples [B, T * hop], always in float32 and not yet clipped."""
        frames, per_mel = features.shape[1], self.config.frames_per_mel
        with torch.autocast(features.device.type, enabled=False):
            log_magnitude, phase = self.spectrum(features)
            spectrum = torch.polar(log_magnitude.exp(), phase)  # [B, T * R, K]
            return torch.istft(
                spectrum.transpose(1, 2),
                n_fft=self.config.n_fft,
                hop_length=self.config.mel.hop_samples // per_mel,
                window=self.window.float(),
                center=True,  # frame j is centred on sample j * hop / R
                length=frames * self.config.mel.hop_samples,
            )

    def forward(self, log_mel: Tensor) -> Tensor:
        """Return the waveform of a natural-log mel.

        Args:
            log_mel: [B, T, M], un-normalised, as LogMel returns it.
        Returns:
            float32 [B, T * hop_samples] in [-1, 1].
        """
        return self.waveform(self.features(log_mel)).clamp(-1.0, 1.0)
