"""Which frames of two recordings belong together, and latents carried from one to the other along them.

A and B frames of the two, P pairs, Z latent dims, V units, F feature dims.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertone.engine.engine import Engine
from undertone.engine.errors import SettingsError
from undertone.engine.generation.speech import Speech

# A step off the diagonal costs this besides its distance: among equal matches the even tempo wins, and a held unit
# is spread over the frames of its partner instead of being skipped.
STRETCH_COST = 0.02


@dataclass(frozen=True)
class FrameAlignment:
    """Pairs of frames in rising order, from (0, 0) to the last of both."""

    first: Tensor  # int64 [P]
    second: Tensor  # int64 [P]
    cost: float  # mean distance of the pairs, 0 for the same tokens, about 1 for unrelated ones


@torch.inference_mode()
def unit_distances(engine: Engine) -> Tensor:
    """Return the distances [V, V] of the units' centroids, 1 on average: near units are near sounds."""
    centroids = getattr(engine.bundle.tokenizer, "centroids", None)
    num_units = engine.bundle.config.model.num_tokens
    if not isinstance(centroids, Tensor):
        return 1 - torch.eye(num_units)
    distances = torch.cdist(centroids.float(), centroids.float()).cpu()
    off_diagonal = distances.sum() / max(num_units * (num_units - 1), 1)
    return (distances / off_diagonal.clamp_min(1e-12)).fill_diagonal_(0)


def align(first: Tensor, second: Tensor, distances: Tensor | None = None) -> FrameAlignment:
    """Align two token sequences by dynamic time warping.

    Args:
        first: int64 [A].
        second: int64 [B].
        distances: [V, V] between units; None: 0 for the same and 1 for others.
    """
    if first.numel() == 0 or second.numel() == 0:
        raise SettingsError("a recording without frames cannot be aligned; choose a longer one.")
    if distances is None:
        costs = (first[:, None] != second[None, :]).double().numpy()
    else:
        costs = distances[first][:, second].double().numpy()
    rows, columns = _path(costs)
    return FrameAlignment(torch.from_numpy(rows), torch.from_numpy(columns), float(costs[rows, columns].mean()))


def transfer_latents(source: Speech, target: Speech, distances: Tensor | None = None) -> Tensor:
    """Return the source's latents on the target's frames: [B, Z] for a target of B frames.

    A target frame takes the mean over the source frames that belong to it; a recording gives itself its own bits.

    Args:
        distances: see `align`.
    """
    pairs = align(source.tokens, target.tokens, distances)
    carried = source.latents.new_zeros(target.num_frames, source.latents.shape[1])
    carried.index_add_(0, pairs.second, source.latents[pairs.first])
    count = torch.bincount(pairs.second, minlength=target.num_frames)
    return carried / count[:, None]


def _path(costs: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the monotone path of least cost through [A, B]; the sums are made one anti-diagonal at a time."""
    num_rows, num_columns = costs.shape
    total = np.full((num_rows + 1, num_columns + 1), np.inf)
    total[0, 0] = 0.0
    for diagonal in range(num_rows + num_columns - 1):
        rows = np.arange(max(0, diagonal - num_columns + 1), min(diagonal, num_rows - 1) + 1)
        columns = diagonal - rows
        held = np.minimum(total[rows, columns + 1], total[rows + 1, columns]) + STRETCH_COST
        total[rows + 1, columns + 1] = costs[rows, columns] + np.minimum(total[rows, columns], held)
    row, column = num_rows - 1, num_columns - 1
    path = [(row, column)]
    while row or column:
        before = (
            (total[row, column], row - 1, column - 1),  # first, so that it wins among equals
            (total[row, column + 1] + STRETCH_COST, row - 1, column),
            (total[row + 1, column] + STRETCH_COST, row, column - 1),
        )
        _, row, column = min(before, key=lambda step: step[0])
        path.append((row, column))
    ordered = np.array(path[::-1], dtype=np.int64)
    return np.ascontiguousarray(ordered[:, 0]), np.ascontiguousarray(ordered[:, 1])
