"""The published units: HuBERT-large's last hidden state, k-means over a random tenth of the files (spec section 1.3).

F feature dims, V units.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from tqdm import tqdm

from undertone.engine.config import HOP_SAMPLES, SAMPLE_RATE_HZ, Config, HubertConfig, MelConfig
from undertone.engine.tokenizers.hubert import RECEPTIVE_SAMPLES, HubertTokenizer
from undertone.train.corpora.source import CorpusError, name_hash
from undertone.train.data.flat_corpus import PreparedCorpus
from undertone.train.data.pool import (
    is_sharded,
    read_shard,
    samples_in_memory,
    shard_lengths,
    shard_names,
    shard_numbers,
)
from undertone.train.loop.settings import Count, PartOfFiles, Seed
from undertone.train.tokenizer.clip_features import HubertFeatures


class HubertRecipe(Config):
    """Recipe of HuBERT's units; the defaults are the published ones."""

    stage: Literal["hubert"] = "hubert"
    name: str = "hubert"
    model: HubertConfig = HubertConfig()
    hubert: str = "facebook/hubert-large-ll60k"  # weights: a Hub id, a folder or a file
    file_share: PartOfFiles = 0.1  # of the train split's files
    frames_per_unit: Count = 256  # a random subset of so many frames times V is clustered, as faiss does
    iterations: Count = 20
    seed: Seed = 1234


@dataclass(frozen=True)
class SampledClip:
    """A clip that holds frames of the sample."""

    shard: int | None  # None in flat files
    clip_id: str
    frames: np.ndarray  # int64 [n], places of the sampled frames in the clip
    keys: np.ndarray  # float64 [n], what they were drawn by


@dataclass(frozen=True)
class FrameSample:
    """A uniform sample of the frames of a random share of the train split's files."""

    clips: list[SampledClip]  # in the order of the corpus
    num_files: int  # of the share

    @property
    def count(self) -> int:
        """Return the frames of the sample."""
        return sum(len(clip.frames) for clip in self.clips)


def draw_frames(prepared: Path, recipe: HubertRecipe) -> FrameSample:
    """Draw the frames to cluster before any sound is read: those with the smallest of random keys, one for each frame.

    How many frames a clip has follows from its samples. Of thousands of hours only clips that hold one of the 51,200
    frames are then decoded and read by HuBERT, at most one in a hundred of a share of 6,000 h.
    """
    size = recipe.frames_per_unit * recipe.model.num_units
    shards: list[int | None] = []
    names: list[str] = []
    keys, clips, frames = np.empty(0), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    waiting: list[tuple[np.ndarray, int]] = []
    held = 0

    def shrunk() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        all_keys = np.concatenate([keys, *(found for found, _ in waiting)])
        all_clips = np.concatenate([clips, *(np.full(len(found), number) for found, number in waiting)])
        all_frames = np.concatenate([frames, *(np.arange(len(found)) for found, _ in waiting)])
        kept = np.sort(np.argsort(all_keys, kind="stable")[:size])
        return all_keys[kept], all_clips[kept], all_frames[kept]

    for shard, name, num_samples in choose_files(prepared, recipe):
        waiting.append((_keys(recipe, name, num_samples), len(names)))
        shards.append(shard)
        names.append(name)
        held += len(waiting[-1][0])
        if held > 4 * size:
            keys, clips, frames = shrunk()
            waiting, held = [], 0
    keys, clips, frames = shrunk()
    found = [
        SampledClip(shards[number], names[number], frames[clips == number], keys[clips == number])
        for number in np.unique(clips).tolist()
    ]
    return FrameSample(found, len(names))


def _keys(recipe: HubertRecipe, name: str, num_samples: int) -> np.ndarray:
    """Return a random key for every frame that HuBERT makes of a clip, none for a clip that it does not take."""
    too_long = num_samples >= recipe.model.max_seconds * SAMPLE_RATE_HZ
    count = 0 if too_long else max(0, (num_samples - RECEPTIVE_SAMPLES) // HOP_SAMPLES + 1)
    return np.random.default_rng((recipe.seed, name_hash(name))).random(count)


def fit_hubert_units(
    recipe: HubertRecipe, prepared: Path, device: torch.device, work: Path
) -> tuple[HubertTokenizer, dict[str, float]]:
    """Load HuBERT and cluster its features of the train split; an interrupted call goes on.

    Args:
        work: folder that keeps the features of finished clips until the units are there.
    Returns:
        the tokenizer on the CPU, and what its units look like.
    Raises:
        CorpusError: too few frames for so many units, known before HuBERT is loaded.
    """
    sample = draw_frames(prepared, recipe)
    if sample.count < recipe.model.num_units:
        raise CorpusError(
            f"{sample.num_files} files have {sample.count} frames, too few for {recipe.model.num_units} units; "
            f"raise file_share, now {recipe.file_share}"
        )
    tokenizer = HubertTokenizer(recipe.model)
    tokenizer.load_huggingface(recipe.hubert)
    features = HubertFeatures(tokenizer.to(device))
    work.mkdir(parents=True, exist_ok=True)
    stacked = compute_sampled_features(features, prepared, sample, work / f"features-{_digest(recipe, sample)}.f32")
    centroids, labels = lloyd(stacked, recipe.model.num_units, recipe.iterations, recipe.seed)
    tokenizer = tokenizer.float().cpu()
    tokenizer.centroids.copy_(torch.from_numpy(centroids))
    for path in work.glob("features-*.f32"):
        path.unlink()
    return tokenizer, {"files": float(sample.num_files)} | unit_statistics(labels, recipe.model.num_units)


def compute_sampled_features(features: HubertFeatures, prepared: Path, sample: FrameSample, path: Path) -> np.ndarray:
    """Return the features of the sampled frames, float32 [frames, F] in the order of their keys.

    They are appended to `path` clip by clip; what is there already is not made again, but for a clip that was being
    written.
    """
    dim = features.centroids.shape[1]
    lasts = np.cumsum([len(clip.frames) for clip in sample.clips])
    with path.open("ab") as file:
        rows = file.tell() // (4 * dim)
        done = int(np.searchsorted(lasts, rows, side="right"))
        file.truncate(4 * dim * int(lasts[done - 1] if done else 0))
        file.seek(0, 2)
        audio = read_sampled_audio(prepared, sample.clips[done:])
        with tqdm(audio, total=len(sample.clips), initial=done, desc="features", unit=" files", mininterval=5.0) as bar:
            for clip, waveform in bar:
                found = features.of_waveform(waveform).cpu().numpy()[clip.frames]
                file.write(found.astype(np.float32).tobytes())
                file.flush()
    stored: np.ndarray = np.fromfile(path, dtype=np.float32).reshape(-1, dim)
    order = np.argsort(np.concatenate([clip.keys for clip in sample.clips]), kind="stable")
    return stored[order]


def read_sampled_audio(prepared: Path, clips: list[SampledClip]) -> Iterator[tuple[SampledClip, torch.Tensor]]:
    """Yield the clips with their samples, float32 [samples]; of a shard only these files are decoded."""
    if not is_sharded(prepared):
        corpus = PreparedCorpus(prepared, "train", MelConfig())
        by_id = {clip.clip_id: clip for clip in corpus.clips}
        yield from ((clip, corpus.audio(by_id[clip.clip_id])) for clip in clips)
        return
    for shard, of_shard in groupby(clips, key=lambda clip: clip.shard):
        wanted = {clip.clip_id: clip for clip in of_shard}
        assert shard is not None
        for cut in read_shard(prepared, "train", shard, ["recording"]):
            if cut.id in wanted:
                yield wanted[cut.id], torch.from_numpy(samples_in_memory(cut).astype(np.float32) / 32767)


def _digest(recipe: HubertRecipe, sample: FrameSample) -> str:
    """Return the name of the features of these clips by this network."""
    clips = [(clip.shard, clip.clip_id, clip.frames.tolist()) for clip in sample.clips]
    return hashlib.sha256(repr((recipe.model_dump_json(), clips)).encode()).hexdigest()[:12]


def lloyd(frames: np.ndarray, num_units: int, iterations: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Run k-means as faiss.Kmeans does: random frames to begin with, a fixed number of Lloyd's steps, one try.

    Returns:
        centroids float32 [V, F] and the unit of every frame.
    """
    from sklearn.cluster import KMeans  # takes two seconds

    kmeans = KMeans(num_units, init="random", n_init=1, max_iter=iterations, tol=0.0, random_state=seed).fit(frames)
    return kmeans.cluster_centers_.astype(np.float32), kmeans.labels_


def choose_files(prepared: Path, recipe: HubertRecipe) -> Iterator[tuple[int | None, str, int]]:
    """Return a random share of the train split's files: shard, name and samples; the same for flat files and shards.

    Of shards only the manifests are read.
    """
    for shard, name, num_samples in _list_files(prepared):
        if np.random.default_rng((recipe.seed, name_hash(name), 1)).random() < recipe.file_share:
            yield shard, name, num_samples


def _list_files(prepared: Path) -> Iterator[tuple[int | None, str, int]]:
    if not is_sharded(prepared):
        corpus = PreparedCorpus(prepared, "train", MelConfig())
        yield from ((None, clip.clip_id, clip.num_samples) for clip in corpus.clips)
        return
    for number in tqdm(shard_numbers(prepared, "train"), desc="files", unit=" shards", mininterval=5.0):
        names = shard_names(prepared, "train", number)
        lengths = shard_lengths(prepared, "train", number)[:, 1].tolist()
        yield from ((number, name, samples) for name, samples in zip(names, lengths, strict=True))


def unit_statistics(labels: np.ndarray, num_units: int) -> dict[str, float]:
    """Return the entropy of the units in bits, and the share of them that is in use."""
    counts = np.bincount(labels, minlength=num_units)
    share = counts[counts > 0] / counts.sum()
    return {"entropy_bits": float(-(share * np.log2(share)).sum()), "units_in_use": float((counts > 0).mean())}
