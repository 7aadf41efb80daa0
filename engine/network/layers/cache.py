"""Static key-value cache: allocated once, written in place. L layers, B batch, H heads, Tmax positions, Dh head dim."""

import torch
from torch import Tensor

from undertone.engine.config import TransformerConfig


class KeyValueCache:
    """Keys and values of the positions seen so far; `position` frames of each row are filled.

    Attributes:
        keys: [L, B, H, Tmax, Dh].
        values: [L, B, H, Tmax, Dh].
        position: number of frames already written, the same for every row.
    """

    def __init__(
        self,
        config: TransformerConfig,
        batch: int,
        max_positions: int,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        head_dim = config.dim // config.num_heads
        shape = (config.num_layers, batch, config.num_heads, max_positions, head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.position = 0

    @property
    def max_positions(self) -> int:
        """Return how many frames fit."""
        return self.keys.shape[3]

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store [B, H, T, Dh] behind the filled positions; return all keys and values of the layer so far.

        `position` stays: the transformer advances it once all layers have written.
        """
        end = self.position + keys.shape[2]
        self.keys[layer, :, :, self.position : end] = keys
        self.values[layer, :, :, self.position : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, frames: int) -> None:
        """Count frames as filled."""
        self.position += frames

    def check_room(self, frames: int) -> None:
        """Raise ValueError where `frames` more do not fit."""
        if self.position + frames > self.max_positions:
            raise ValueError(
                f"the key-value cache holds {self.max_positions} positions, {self.position} are filled and "
                f"{frames} more were asked for: allocate it for prompt + continuation"
            )
