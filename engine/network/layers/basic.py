"""Small pieces shared by every block: masks, norms, precision and constants. B batch, T frames, C channels."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def length_mask(lengths: Tensor, num_frames: int) -> Tensor:
    """Return bool [B, T], True at the real frames, from lengths int64 [B]."""
    return torch.arange(num_frames, device=lengths.device) < lengths.unsqueeze(1)


def apply_mask(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return [B, T, C] with exact zeros at the frames where the [B, T] mask is False."""
    return x if mask is None else x.masked_fill(~mask.unsqueeze(-1), 0.0)


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Switch autocast off in a context, where it is on: for the small heads whose outputs are exponentiated."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


class ChannelNorm(nn.Module):
    """Normalise each frame of [B, T, C] over its channels with the unbiased variance (spec fact 1).

    The published "InstanceNorm" divides by C - 1 and adds eps to that variance. With r = (C - 1) / C,
    (x - m) / sqrt(var / r + eps) = sqrt(r) (x - m) / sqrt(var + r eps), which is a layer norm, float32 inside.
    """

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.ratio = (channels - 1) / channels
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [B, T, C] over C; returns [B, T, C]."""
        return F.layer_norm(x, self.weight.shape, self.weight * self.ratio**0.5, self.bias, self.eps * self.ratio)


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * scale, in float32 (spec section 2.3)."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [..., C] over C; returns the same shape in the input's dtype."""
        return F.rms_norm(x.float(), self.scale.shape, self.scale.float(), self.eps).to(x.dtype)


class FixedTables(nn.Module):
    """Constants computed in float64 with NumPy and held as float32 buffers that no checkpoint stores.

    They follow the module to its device but keep float32 whatever dtype the weights are cast to, and survive
    construction on the meta device, because a bfloat16 noise schedule would be a different model.
    """

    def __init__(self, **arrays: np.ndarray) -> None:
        super().__init__()
        self.arrays = arrays
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(array.astype(np.float32)), persistent=False)

    def replace(self, **arrays: np.ndarray) -> None:
        """Put other constants of the same shapes in place."""
        self.arrays = self.arrays | arrays
        self._apply(lambda tensor: tensor)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        for name, array in self.arrays.items():
            device = getattr(self, name).device
            setattr(self, name, torch.from_numpy(array.astype(np.float32)).to(device))
        return self
