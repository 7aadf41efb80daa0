"""Utterance encoder: who speaks and where, one vector per clip (spec section 3.7).

B batch, T frames, S embedding dims.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import ModelConfig
from undertone.engine.network.layers.basic import ChannelNorm, apply_mask, length_mask


class DownsamplingLayer(nn.Module):
    """Strided convolution, norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, norm_eps: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, kernel_size, stride, padding=(kernel_size - 1) // 2)
        self.norm = ChannelNorm(out_channels, norm_eps)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def num_frames(self, lengths: Tensor) -> Tensor:
        """Return the output frames int64 [B] of inputs of that many frames."""
        kernel_size, stride, padding = self.conv.kernel_size[0], self.conv.stride[0], int(self.conv.padding[0])
        return (lengths + 2 * padding - kernel_size) // stride + 1

    def forward(self, x: Tensor) -> Tensor:
        """Convolve [B, T, C_in] to [B, T', C_out], T' = num_frames(T)."""
        return F.relu(self.norm(self.conv(x.transpose(1, 2)).transpose(1, 2)))


class UtteranceEncoder(nn.Module):
    """Mel of a clip to its embedding: projection, strided convolutions, average over time.

    With `quirk_lengths_doubled` the published bookkeeping is kept: each layer doubles the valid length, so in a padded
    batch the padding enters the average. Without it lengths are halved and padding is kept out.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        utterance = config.utterance
        self.config = utterance
        self.input = nn.Linear(config.mel.num_mels, utterance.channels[0])
        self.layers = nn.ModuleList(
            DownsamplingLayer(a, b, utterance.kernel_size, utterance.stride, utterance.norm_eps)
            for a, b in zip(utterance.channels, utterance.channels[1:], strict=False)
        )
        self.output = nn.Linear(utterance.channels[-1], utterance.dim)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embed a normalised mel [B, T, M] of valid lengths int64 [B] as float32 [B, S]."""
        x = mel.to(self.input.weight.dtype)
        if lengths is None:
            lengths = torch.full((x.shape[0],), x.shape[1], device=x.device)
        x = apply_mask(self.input(x), length_mask(lengths, x.shape[1]))
        for layer in self.layers:
            assert isinstance(layer, DownsamplingLayer)
            x = layer(x)
            if self.config.quirk_lengths_doubled:
                lengths = (lengths * self.config.stride).clamp_max(x.shape[1])
            else:
                lengths = layer.num_frames(lengths)
                x = apply_mask(x, length_mask(lengths, x.shape[1]))
        x = apply_mask(self.output(x), length_mask(lengths, x.shape[1]))
        return x.float().sum(dim=1) / lengths.unsqueeze(1)
