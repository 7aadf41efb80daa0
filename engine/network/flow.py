"""Conditional affine coupling flow between latents and the prior's base space (spec section 3.6).

B batch, T frames, Z latent dims, D condition dim.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import ModelConfig
from undertone.engine.network.layers.basic import apply_mask, full_precision


class CouplingLayer(nn.Module):
    """v = [lo, hi] to [hi, lo * scale + shift], scale and shift from hi and the condition."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        flow, half = config.flow, config.latent_dim // 2
        self.input = nn.Linear(half, flow.hidden_dim)
        self.norm = nn.LayerNorm(flow.hidden_dim, eps=flow.norm_eps)
        self.film = nn.Linear(config.transformer.dim, 2 * flow.hidden_dim)
        self.output = nn.Linear(flow.hidden_dim, 2 * half)
        low, high = flow.scale_range
        # at raw -> -inf the scale is `start`; the published code reads the pair as (max, min)
        self.start, self.end = (high, low) if flow.quirk_scale_range_reversed else (low, high)

    def shift_and_scale(self, hi: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return shift and scale, both [B, T, Z / 2], from the half that stays and the condition [B, T, D]."""
        gain, offset = self.film(condition).chunk(2, dim=-1)
        h = F.gelu(torch.addcmul(offset, gain, self.norm(self.input(hi))))
        shift, raw = self.output(h).chunk(2, dim=-1)
        return shift, self.start + (self.end - self.start) * torch.sigmoid(raw)

    def forward(self, v: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Transform [B, T, Z]; returns [B, T, Z] and the log determinant per transformed dim, [B, T, Z / 2]."""
        lo, hi = v.chunk(2, dim=-1)
        shift, scale = self.shift_and_scale(hi, condition)
        return torch.cat([hi, lo * scale + shift], dim=-1), scale.log()

    def inverse(self, v: Tensor, condition: Tensor) -> Tensor:
        """Undo `forward`: [hi, y] back to [lo, hi], [B, T, Z]."""
        hi, y = v.chunk(2, dim=-1)
        shift, scale = self.shift_and_scale(hi, condition)
        return torch.cat([(y - shift) / scale, hi], dim=-1)


class Flow(nn.Module):
    """Coupling layers from posterior samples to base samples; generation runs the inverse on prior samples."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CouplingLayer(config) for _ in range(config.flow.num_layers))

    def forward(self, latents: Tensor, condition: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map latents to the base space, both [B, T, Z]; with the log determinant [B, T, Z / 2], zero at padding."""
        with full_precision(latents):
            base, condition = _like_weights(self, latents), _like_weights(self, condition)
            logdet = torch.zeros_like(base[..., : base.shape[-1] // 2])
            for layer in self.layers:
                base, step = layer(base, condition)
                logdet = logdet + step
            return base.float(), apply_mask(logdet.float(), mask)

    def inverse(self, base: Tensor, condition: Tensor) -> Tensor:
        """Map base [B, T, Z] to latents [B, T, Z]."""
        with full_precision(base):
            latents, condition = _like_weights(self, base), _like_weights(self, condition)
            for layer in list(self.layers)[::-1]:
                assert isinstance(layer, CouplingLayer)
                latents = layer.inverse(latents, condition)
            return latents.float()


def _like_weights(module: nn.Module, x: Tensor) -> Tensor:
    return x.to(next(module.parameters()).dtype)
