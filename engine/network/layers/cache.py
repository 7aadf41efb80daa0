"""Key-value caches: allocated once, written in place. L layers, B batch, H heads, Tmax positions, Dh head dim."""

import torch
from torch import Tensor

from undertone.engine.config import TransformerConfig
from undertone.engine.network.layers.alibi import AlibiBias


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

    def row_positions(self) -> Tensor:
        """Return the frames already written of each row, int64 [B] on the CPU."""
        return torch.full((self.keys.shape[1],), self.position)

    def bias(self, alibi: AlibiBias, frames: int) -> Tensor:
        """Return the attention bias of `frames` more over all frames then written, [1 or B, H, frames, keys]."""
        return alibi(frames, self.position + frames)

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


class SlotCache(KeyValueCache):
    """Keys and values of takes that are at different frames: each row in use has a position of its own.

    The rows in use are the first B; one frame is written at a time.

    Attributes:
        positions: frames already written, of each row in use.
    """

    def __init__(
        self, config: TransformerConfig, slots: int, max_positions: int, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        super().__init__(config, slots, max_positions, dtype, device)
        self.positions: list[int] = []

    @property
    def num_free(self) -> int:
        """Return the rows that are not in use."""
        return self.keys.shape[1] - len(self.positions)

    def admit(self, cache: KeyValueCache) -> None:
        """Copy the rows of another cache behind those in use. Raises ValueError where they do not fit."""
        first, count, filled = len(self.positions), cache.keys.shape[1], cache.position
        if count > self.num_free or filled > self.max_positions:
            raise ValueError(f"{count} rows of {filled} frames do not fit: {self.num_free} of {self.max_positions} do")
        self.keys[:, first : first + count, :, :filled] = cache.keys[:, :, :, :filled]
        self.values[:, first : first + count, :, :filled] = cache.values[:, :, :, :filled]
        self.positions += [filled] * count
        self.position = max(self.positions)

    def remove(self, first: int, count: int) -> None:
        """Give up rows; those behind them move up."""
        used, filled = len(self.positions), self.position
        for stored in (self.keys, self.values):
            stored[:, first : used - count, :, :filled] = stored[:, first + count : used, :, :filled].clone()
        del self.positions[first : first + count]
        self.position = max(self.positions, default=0)

    def row_positions(self) -> Tensor:
        return torch.tensor(self.positions)

    def bias(self, alibi: AlibiBias, frames: int) -> Tensor:
        """Return the attention bias of one more frame of each row, minus infinity behind it, [B, H, 1, keys]."""
        positions = self.row_positions().to(alibi.slopes.device)
        offset = torch.arange(self.position + 1, device=positions.device) - positions[:, None]
        bias = alibi.slopes[None, :, None] * offset[:, None]
        return bias.masked_fill(offset[:, None] > 0, -torch.inf).unsqueeze(2)

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store one frame [B, H, 1, Dh] of each row in use; return their keys and values of the layer so far."""
        rows, positions = torch.arange(len(self.positions)), self.row_positions()
        self.keys[layer][rows, :, positions] = keys[:, :, 0]
        self.values[layer][rows, :, positions] = values[:, :, 0]
        used, end = len(rows), self.position + 1
        return self.keys[layer, :used, :, :end], self.values[layer, :used, :, :end]

    def advance(self, frames: int) -> None:
        self.positions = [position + frames for position in self.positions]
        self.position = max(self.positions)
