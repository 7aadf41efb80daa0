"""The published units: HuBERT-large's last hidden state, k-means over a random tenth of the files (spec section 1.3).

F feature dims, V units.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from sklearn.cluster import KMeans
from tqdm import tqdm

from engine.config import Config, HubertConfig, MelConfig
from engine.tokenizers.hubert import HubertTokenizer
from train.corpora.source import CorpusError
from train.features import HubertFeatures
from train.pool import is_sharded, load_pool, shard_numbers
from train.prepare import Clip, FlatCorpus, PreparedCorpus


class HubertRecipe(Config):
    """How HuBERT's units are clustered; the defaults are the published ones."""

    stage: Literal["hubert"] = "hubert"
    name: str = "hubert"
    model: HubertConfig = HubertConfig()
    hubert: str = "facebook/hubert-large-ll60k"  # weights: a Hub id, a folder or a file
    file_share: float = 0.1  # of the train split's files
    frames_per_unit: int = 256  # a random subset of so many frames times V is clustered, as faiss does
    iterations: int = 20
    seed: int = 1234


class FrameReservoir:
    """A uniform sample of all frames ever added: those with the smallest of random keys, whatever their order."""

    def __init__(self, size: int, feature_dim: int) -> None:
        self.size = size
        self._keys = np.empty(0)
        self._frames = np.empty((0, feature_dim), dtype=np.float32)

    def add(self, frames: np.ndarray, random: np.random.Generator) -> None:
        """Features float32 [T, F], with the generator that gives their keys."""
        keys = random.random(len(frames))
        self._keys, self._frames = np.concatenate([self._keys, keys]), np.concatenate([self._frames, frames])
        if len(self._keys) > 2 * self.size:
            self._shrink()

    def frames(self) -> np.ndarray:
        """The sample, float32 [size or fewer, F], in the order of its keys."""
        self._shrink()
        return self._frames[np.argsort(self._keys, kind="stable")]

    def _shrink(self) -> None:
        kept = np.sort(np.argsort(self._keys, kind="stable")[: self.size])
        self._keys, self._frames = self._keys[kept], self._frames[kept]


def fit_hubert_units(
    recipe: HubertRecipe, prepared: Path, device: torch.device
) -> tuple[HubertTokenizer, dict[str, float]]:
    """Load HuBERT and cluster its features of the train split.

    Returns:
        the tokenizer on the CPU, and what its units look like.
    """
    tokenizer = HubertTokenizer(recipe.model)
    tokenizer.load_huggingface(recipe.hubert)
    features = HubertFeatures(tokenizer.to(device))
    reservoir = FrameReservoir(recipe.frames_per_unit * recipe.model.num_units, recipe.model.feature_dim)
    num_files = 0
    for corpus, clip in tqdm(chosen_clips(prepared, recipe), desc="features", unit=" files", mininterval=5.0):
        frames = features.features(corpus, clip).cpu().numpy()
        reservoir.add(frames, np.random.default_rng((recipe.seed, name_hash(clip.clip_id))))
        num_files += 1
    stacked = reservoir.frames()
    if len(stacked) < recipe.model.num_units:
        raise CorpusError(
            f"{num_files} files gave {len(stacked)} frames, too few for {recipe.model.num_units} units; "
            f"raise file_share, now {recipe.file_share}"
        )
    centroids, labels = lloyd(stacked, recipe.model.num_units, recipe.iterations, recipe.seed)
    tokenizer = tokenizer.float().cpu()
    tokenizer.centroids.copy_(torch.from_numpy(centroids))
    return tokenizer, {"files": float(num_files)} | unit_statistics(labels, recipe.model.num_units)


def lloyd(frames: np.ndarray, num_units: int, iterations: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """k-means as faiss.Kmeans runs it: random frames to begin with, a fixed number of Lloyd's steps, one try.

    Returns:
        centroids float32 [V, F] and the unit of every frame.
    """
    kmeans = KMeans(num_units, init="random", n_init=1, max_iter=iterations, tol=0.0, random_state=seed).fit(frames)
    return kmeans.cluster_centers_.astype(np.float32), kmeans.labels_


def chosen_clips(prepared: Path, recipe: HubertRecipe) -> Iterator[tuple[FlatCorpus, Clip]]:
    """A random share of the train split's files, the same for flat files and shards; one shard in memory at a time."""
    mel = MelConfig()
    if is_sharded(prepared):
        numbers = shard_numbers(prepared, "train")
        corpora: Iterator[FlatCorpus] = (
            load_pool(prepared, "train", [number], mel, audio=True).corpus for number in numbers
        )
    else:
        corpora = iter([PreparedCorpus(prepared, "train", mel)])
    for corpus in corpora:
        for clip in corpus.clips:
            if np.random.default_rng((recipe.seed, name_hash(clip.clip_id), 1)).random() < recipe.file_share:
                yield corpus, clip


def name_hash(name: str) -> int:
    """A number that a name has on every machine."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest())


def unit_statistics(labels: np.ndarray, num_units: int) -> dict[str, float]:
    """Entropy of the units in bits, and the share of them that is in use."""
    counts = np.bincount(labels, minlength=num_units)
    share = counts[counts > 0] / counts.sum()
    return {"entropy_bits": float(-(share * np.log2(share)).sum()), "units_in_use": float((counts > 0).mean())}
