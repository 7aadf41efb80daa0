"""Units: the nearest centroid of a feature frame, or the cheapest path of them. T frames, F feature dims, V units."""

import numpy as np
import torch
from torch import Tensor

FRAMES_PER_BLOCK = 16_384


def nearest_centroid(features: Tensor, centroids: Tensor) -> Tensor:
    """Index of the closest centroid by Euclidean distance, computed in float32.

    Args:
        features: [..., T, F] of any float type (the published features are float16).
        centroids: [V, F].
    Returns:
        int64 [..., T].
    """
    flat = features.reshape(-1, features.shape[-1]).float()
    centroids = centroids.float()
    offsets = centroids.square().sum(1)
    blocks = [torch.addmm(offsets, block, centroids.T, alpha=-2.0).argmin(1) for block in flat.split(FRAMES_PER_BLOCK)]
    return torch.cat(blocks).reshape(features.shape[:-1])


def cheapest_units(features: Tensor, centroids: Tensor, switch_cost: float = 0.0) -> Tensor:
    """Units that are near their frames and change seldom.

    Minimises the sum of squared distances plus `switch_cost` for every change (a Viterbi search with a Potts penalty,
    as Kamper and van Niekerk 2021, "Towards unsupervised phone and word segmentation", do it). At 0 every frame has
    its nearest centroid, as published.

    Args:
        features: [T, F] of any float type.
        centroids: [V, F].
    Returns:
        int64 [T].
    """
    if switch_cost == 0.0 or len(features) < 2:
        return nearest_centroid(features, centroids)
    centroids = centroids.float()
    distances = torch.addmm(centroids.square().sum(1), features.float(), centroids.T, alpha=-2.0).cpu().numpy()
    every = np.arange(len(centroids))
    arrived_from = np.empty(distances.shape, dtype=np.int32)
    cost = distances[0].astype(np.float64)
    for frame in range(1, len(distances)):
        best = int(cost.argmin())
        stays = cost <= cost[best] + switch_cost
        arrived_from[frame] = np.where(stays, every, best)
        cost = np.where(stays, cost, cost[best] + switch_cost) + distances[frame]
    units = np.empty(len(distances), dtype=np.int64)
    units[-1] = cost.argmin()
    for frame in range(len(distances) - 1, 0, -1):
        units[frame - 1] = arrived_from[frame, units[frame]]
    return torch.from_numpy(units).to(features.device)
