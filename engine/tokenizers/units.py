"""Units: the nearest centroid of a feature frame. T frames, F feature dims, V units."""

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
