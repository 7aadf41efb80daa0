"""ALiBi: a linear penalty on distance instead of position embeddings (arXiv 2108.12409). H heads, T positions."""

import numpy as np
import torch
from torch import Tensor

from undertone.engine.network.layers.basic import FixedTables


def alibi_slopes(num_heads: int) -> np.ndarray:
    """Return the slope of each head, float64 [H] (spec section 3.4).

    For a power of two n: 2^(-8 (k + 1) / n). Otherwise those of the largest power of two below, followed by
    every second slope of twice that number.
    """
    below = 2 ** (num_heads.bit_length() - 1)
    slopes = 2.0 ** (-8.0 * np.arange(1, below + 1) / below)
    if below == num_heads:
        return slopes
    between = 2.0 ** (-8.0 * np.arange(1, 2 * below + 1) / (2 * below))
    return np.concatenate([slopes, between[0::2][: num_heads - below]])


class AlibiBias(FixedTables):
    """Additive attention bias: -slope * (i - j) for j <= i, minus infinity for the future."""

    slopes: Tensor  # [H]
    row: Tensor  # [H, Tmax]: -slope * (Tmax - 1 - j), whose last S entries are one query's bias over S keys

    def __init__(self, num_heads: int, max_positions: int) -> None:
        slopes = alibi_slopes(num_heads)
        distance = np.arange(max_positions - 1, -1, -1)
        super().__init__(slopes=slopes, row=-slopes[:, None] * distance)

    def stretch(self, factor: float) -> None:
        """Count every position as `factor` of them from now on."""
        self.replace(slopes=factor * self.arrays["slopes"], row=factor * self.arrays["row"])

    def forward(self, num_queries: int, num_keys: int) -> Tensor:
        """Return the bias [1, H, queries, keys] where the queries are the last of the keys' positions."""
        if num_queries == 1:
            return self.row[None, :, None, self.row.shape[1] - num_keys :]
        keys = torch.arange(num_keys, device=self.slopes.device)
        offset = keys - keys[num_keys - num_queries :, None]  # j - i
        bias = self.slopes[:, None, None] * offset
        return bias.masked_fill(offset > 0, -torch.inf).unsqueeze(0)
