"""Units that nobody has named: k-means clusters of cepstra, as in the first iteration of HuBERT (arXiv 2106.07447).

39 values a frame: 13 cepstra of the stored log mel, their slopes and their curvatures. Each clip is brought to mean 0
and variance 1 first, which takes the channel and a part of the speaker away. T frames.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import compute_deltas, create_dct

from undertone.engine.files.atomic_files import whole_file
from undertone.train.data.flat_corpus import PreparedCorpus
from undertone.train.data.unit_ids import MISSING

NUM_CLUSTERS = 200  # as many as units of the published tokenizer (arXiv 2506.14767)
NUM_CEPSTRA = 13
FITTED_FRAMES = 100_000
SMALLEST_SPREAD = 1e-3  # of a value in a clip


def cepstral_features(mel: Tensor) -> Tensor:
    """Return the features of a clip, float32 [T, 39], from its natural-log mel [T, M]."""
    cepstra = (mel @ create_dct(NUM_CEPSTRA, mel.shape[1], "ortho")).T
    slopes = compute_deltas(cepstra)
    found = torch.cat([cepstra, slopes, compute_deltas(slopes)]).T
    return (found - found.mean(0)) / found.std(0, correction=0).clamp(min=SMALLEST_SPREAD)


def cluster_units(prepared: Path, path: Path, seed: int = 0) -> np.ndarray:
    """Return the cluster of every frame of a prepared folder's flat files, uint16 [T], made once and kept in `path`.

    Clusters are fitted on random clips of the train split.
    """
    from sklearn.cluster import MiniBatchKMeans  # takes two seconds

    if not path.is_file():
        corpus = PreparedCorpus(prepared)
        train = [clip for clip in corpus.clips if clip.split == "train"]
        fitted: list[np.ndarray] = []
        for number in np.random.default_rng(seed).permutation(len(train)).tolist():
            fitted.append(cepstral_features(corpus.mel(train[number])).numpy())
            if sum(map(len, fitted)) >= FITTED_FRAMES:
                break
        kmeans = MiniBatchKMeans(NUM_CLUSTERS, batch_size=8192, n_init=1, max_iter=20, random_state=seed)
        kmeans.fit(np.concatenate(fitted))
        clusters = np.zeros(sum(clip.num_frames for clip in corpus.clips), dtype=np.uint16)
        for clip in corpus.clips:
            found = kmeans.predict(cepstral_features(corpus.mel(clip)).numpy())
            clusters[clip.frame_offset : clip.frame_offset + clip.num_frames] = found
        with whole_file(path) as unfinished, unfinished.open("wb") as file:
            file.write(clusters.tobytes())
    return np.fromfile(path, dtype=np.uint16)


def likeliest_units(clusters: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return for every cluster the unit that most of its frames have, int64 [clusters].

    Args:
        clusters: int [T].
        units: int [T] of the same frames, some of them MISSING.
    """
    known = units < MISSING
    counts = np.zeros((NUM_CLUSTERS, int(units[known].max()) + 1), dtype=np.int64)
    np.add.at(counts, (clusters[known], units[known].astype(np.int64)), 1)
    return np.asarray(counts.argmax(1))
