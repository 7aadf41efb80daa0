"""Codebooks of acoustic codes, fitted to mel frames of the training windows: k-means on what the levels before left."""

import numpy as np
import torch
from torch import Tensor

from undertone.engine.network import VAEGSLM
from undertone.train.model.window_sources import WindowSource

MIN_FRAMES_PER_ENTRY = 40


def collect_frames(source: WindowSource, num_frames: int) -> Tensor:
    """Return normalised mel frames of the first windows of a source, float32 [N, M], at least `num_frames`."""
    found, count, step = [], 0, 0
    while count < num_frames:
        windows = source.windows(step, 0)
        frames = [mel[:length] for mel, length in zip(windows.mel, windows.lengths.tolist(), strict=True)]
        found.extend(frames)
        count, step = count + sum(map(len, frames)), step + 1
    return torch.cat(found)


@torch.no_grad()
def fit_codebooks(network: VAEGSLM, source: WindowSource, seed: int = 0) -> list[float]:
    """Fit the network's codebooks, level by level.

    Args:
        source: of windows; it should be one that is used for nothing else.
    Returns:
        for each level, the share of the frames' variance that is left when it has been taken off.
    """
    from sklearn.cluster import MiniBatchKMeans  # takes two seconds, and few runs have codes

    codebooks = network.quantiser.codebooks
    num_entries = codebooks.shape[1]
    rest = collect_frames(source, MIN_FRAMES_PER_ENTRY * num_entries).numpy()
    variance, left = float(np.square(rest - rest.mean(0)).mean()), []
    for codebook in codebooks:
        kmeans = MiniBatchKMeans(num_entries, batch_size=4096, n_init=1, max_iter=30, random_state=seed).fit(rest)
        codebook.copy_(torch.from_numpy(kmeans.cluster_centers_.astype(np.float32)))
        rest = rest - kmeans.cluster_centers_[kmeans.labels_].astype(np.float32)
        left.append(float(np.square(rest).mean()) / variance)
    return left
