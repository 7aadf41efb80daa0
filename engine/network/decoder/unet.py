"""The network inside the diffusion decoder.

B batch, T frames, M mel bins, C condition dims (token and latent, utterance).
"""

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import ModelConfig
from undertone.engine.network.layers.basic import FixedTables, apply_mask
from undertone.engine.network.layers.conv_stack import ConvStack


class Sinusoid(FixedTables):
    """Table of sines (even columns) and cosines (odd) of the timestep at falling frequencies."""

    table: Tensor  # [timesteps, time_dim]


class TimeEmbedding(nn.Module):
    """Diffusion timestep to a vector: a sinusoid table, then Linear, SiLU, Linear."""

    def __init__(self, dim: int, timesteps: int) -> None:
        super().__init__()
        angles = np.arange(timesteps)[:, None] * np.exp(-np.arange(0, dim, 2) * np.log(10_000.0) / dim)
        table = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(timesteps, -1)
        self.sinusoid = Sinusoid(table=table)
        self.input = nn.Linear(dim, dim)
        self.output = nn.Linear(dim, dim)

    def forward(self, t: Tensor) -> Tensor:
        """Embed timesteps int64 [B] as [B, time_dim]."""
        row = self.sinusoid.table[t].to(self.input.weight.dtype)
        return self.output(F.silu(self.input(row)))


class UNet(nn.Module):
    """Noised mel, timestep and condition to the noise in it: blocks that look back, then blocks that look ahead."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        decoder = config.decoder
        self.condition = nn.Linear(config.token_dim + config.utterance.dim, decoder.condition_dim)
        self.time = TimeEmbedding(decoder.time_dim, decoder.timesteps)
        self.stack = ConvStack(
            in_dim=config.mel.num_mels,
            channels=decoder.channels,
            out_dim=config.mel.num_mels,
            hidden_channels=decoder.hidden_channels,
            kernel_size=decoder.kernel_size,
            activation=F.silu,
            norm_eps=decoder.norm_eps,
            conditioned=decoder.conditioned,
            skips=decoder.skips,
            first_anticausal_block=decoder.first_anticausal_block,
            condition_dim=decoder.condition_dim,
            time_dim=decoder.time_dim,
        )

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, mask: Tensor | None = None) -> Tensor:
        """Predict the noise float32 [B, T, M], from x [B, T, M], t int64 [B] and the condition [B, T, C]."""
        return self.denoise(x, t, self.project(condition, mask), mask)

    def project(self, condition: Tensor, mask: Tensor | None = None) -> Tensor:
        """Project the condition [B, T, C] to what the blocks read, [B, T, condition_dim], at every timestep."""
        return apply_mask(self.condition(condition.to(self.condition.weight.dtype)), mask)

    def denoise(self, x: Tensor, t: Tensor, projected: Tensor, mask: Tensor | None = None) -> Tensor:
        """Predict as `forward` does, from an already projected condition."""
        return self.stack(x.to(self.condition.weight.dtype), mask, projected, self.time(t)).float()
