"""Units: the nearest centroid of a feature frame, or the cheapest path of them. T frames, F feature dims, V units."""

import numpy as np
import torch
from torch import Tensor

FRAMES_PER_BLOCK = 16_384


def nearest_centroid(features: Tensor, centroids: Tensor) -> Tensor:
    """Return the index of the closest centroid by Euclidean distance, computed in float32.

    Args:
        features: [..., T, F] of any float type (the published features are float16).
        centroids: [V, F].
    Returns:
        int64 [..., T].
    """
    flat = features.reshape(-1, features.shape[-1])
    blocks = [relative_distances(block, centroids).argmin(1) for block in flat.split(FRAMES_PER_BLOCK)]
    return torch.cat(blocks).reshape(features.shape[:-1])


def relative_distances(features: Tensor, centroids: Tensor) -> Tensor:
    """Return the squared distances of features [T, F] from centroids [V, F] less the features' own square, [T, V]."""
    centroids = centroids.float()
    return torch.addmm(centroids.square().sum(1), features.float(), centroids.T, alpha=-2.0)


def viterbi_units(features: Tensor, centroids: Tensor, transition_costs: Tensor) -> Tensor:
    """Return the units that are near their frames and follow each other as units do (a Viterbi search).

    Minimises the sum of squared distances plus the cost of every step from one unit to the next. With distances that
    are twice a negative log likelihood and costs that are twice a negative log probability this is the most likely
    path of a hidden Markov model whose states are the units.

    Args:
        features: [T, F] of any float type.
        centroids: [V, F].
        transition_costs: [V, V], from the unit of a row to that of a column; no cost at all gives every frame its
            nearest centroid.
    Returns:
        int64 [T].
    """
    if not len(features):
        return nearest_centroid(features, centroids)
    distances = relative_distances(features, centroids).detach().cpu().double().numpy()
    arriving = np.ascontiguousarray(transition_costs.cpu().double().numpy().T)  # [to, from]
    every = np.arange(len(centroids))
    came_from = np.zeros(distances.shape, dtype=np.int32)
    cost = distances[0]
    for frame in range(1, len(distances)):
        steps = arriving + cost
        came_from[frame] = steps.argmin(1)
        cost = steps[every, came_from[frame]] + distances[frame]
    units = np.empty(len(distances), dtype=np.int64)
    units[-1] = cost.argmin()
    for frame in range(len(distances) - 1, 0, -1):
        units[frame - 1] = came_from[frame, units[frame]]
    return torch.from_numpy(units).to(features.device)
