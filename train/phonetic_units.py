"""Units of the phonetic tokenizer: a projection that tells phones apart, then k-means. T frames, F dims, V units.

CTC alone leaves features in which speakers and neighbours weigh as much as phones. A linear discriminant analysis of
aligned frames (each third of each phone is a class) keeps what differs between classes in units of what varies within
them, so that a distance means the same in every direction, and so does `switch_cost`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from engine.tokenizers import cheapest_units
from engine.tokenizers.phonetic import PhoneticTokenizer
from train.hubert_units import unit_statistics
from train.phones import Lexicon
from train.pool import open_corpus
from train.prepare import Clip, CorpusError
from train.text.alignment import align_clip, transcript_symbols

UNLABELLED = -1
PARTS = 3  # of a phone: its beginning, middle and end sound different
MIN_FRAMES = 20  # of a class, to count


@dataclass(frozen=True)
class _Frames:
    """Frames of some training clips, end to end."""

    features: np.ndarray  # [T, F], before the projection
    labels: np.ndarray  # int64 [T]: class of each frame, UNLABELLED where no transcript says it
    ends: list[int]  # of the clips


@torch.inference_mode()
def fit_units(
    tokenizer: PhoneticTokenizer,
    prepared: Path,
    lexicon: Lexicon,
    num_frames: int,
    seed: int = 0,
    max_hours: float = 20.0,
) -> dict[str, float]:
    """Fit the tokenizer's projection, where its configuration has one, and its units on random clips, in place.

    Returns:
        what the units look like: entropy in bits, share of units in use, mean run length in frames.
    Raises:
        CorpusError: too few aligned phones for a projection of this size.
    """
    frames = _frames(tokenizer, prepared, lexicon, num_frames, seed, max_hours)
    features = frames.features
    if tokenizer.projection is not None:
        weight, bias = discriminants(features, frames.labels, tokenizer.projection.out_features)
        tokenizer.projection.weight.copy_(weight)
        tokenizer.projection.bias.copy_(bias)
        features = tokenizer.projection(torch.from_numpy(features)).numpy()
    kmeans = MiniBatchKMeans(
        tokenizer.config.num_units, batch_size=8192, n_init=1, max_iter=20, random_state=seed, reassignment_ratio=0.001
    ).fit(features)
    tokenizer.centroids.copy_(torch.from_numpy(kmeans.cluster_centers_.astype(np.float32)))
    units = [
        cheapest_units(torch.from_numpy(clip), tokenizer.centroids, tokenizer.config.switch_cost).numpy()
        for clip in np.split(features, frames.ends[:-1])
    ]
    runs = sum(1 + int((np.diff(clip) != 0).sum()) for clip in units)
    statistics = unit_statistics(np.concatenate(units), tokenizer.config.num_units)
    return statistics | {"mean_run_frames": len(features) / runs}


def discriminants(features: np.ndarray, labels: np.ndarray, dims: int) -> tuple[Tensor, Tensor]:
    """The linear map to the directions in which classes differ most, with unit variance within classes.

    Args:
        features: [T, F].
        labels: int64 [T], UNLABELLED frames are left out.
        dims: how many directions.
    Returns:
        weight [dims, F] and bias [dims]; the features' mean is mapped to zero.
    Raises:
        CorpusError: fewer classes than it takes.
    """
    counts = np.bincount(labels[labels != UNLABELLED], minlength=1)
    usable = (labels != UNLABELLED) & (counts[labels] >= MIN_FRAMES)
    num_classes = len(np.unique(labels[usable]))
    if min(num_classes - 1, features.shape[1]) < dims:
        raise CorpusError(
            f"{num_classes} thirds of phones were heard {MIN_FRAMES} frames or more, a projection to {dims} dimensions "
            f"needs {dims + 1}. Give more speech with transcripts, or leave out projection_dim."
        )
    analysis = LinearDiscriminantAnalysis(n_components=dims, solver="eigen", shrinkage=1e-3)
    analysis.fit(features[usable].astype(np.float64), labels[usable])
    weight = analysis.scalings_[:, :dims].T
    bias = -weight @ features[usable].mean(axis=0, dtype=np.float64)
    return torch.from_numpy(weight.astype(np.float32)), torch.from_numpy(bias.astype(np.float32))


def _frames(
    tokenizer: PhoneticTokenizer, prepared: Path, lexicon: Lexicon, num_frames: int, seed: int, max_hours: float
) -> _Frames:
    """Random clips until there are `num_frames`; a projection needs those with a transcript."""
    corpus = open_corpus(prepared, "train", tokenizer.config.mel, max_hours)
    features: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    ends: list[int] = []
    for index in np.random.default_rng(seed).permutation(len(corpus.clips)):
        clip = corpus.clips[index]
        mel = corpus.mel(clip)
        lengths = torch.tensor([len(mel)])
        hidden = tokenizer.hidden_batch(mel[None], lengths)
        if tokenizer.projection is not None:
            label = phone_parts(tokenizer, clip, mel, lexicon)
            if label is None:
                continue
            labels.append(label)
            hidden = tokenizer.stacked(hidden, lengths)
        features.append(hidden[0].numpy())
        ends.append(len(mel) + (ends[-1] if ends else 0))
        if ends[-1] >= num_frames:
            break
    if not features:
        raise CorpusError("no clip of the train split has a transcript whose words are in the dictionary")
    known = np.concatenate(labels) if labels else np.full(ends[-1], UNLABELLED)
    return _Frames(np.concatenate(features), known, ends)


def phone_parts(tokenizer: PhoneticTokenizer, clip: Clip, mel: Tensor, lexicon: Lexicon) -> np.ndarray | None:
    """Which third of which phone each frame of a clip is, int64 [T]; None where its transcript does not say."""
    symbols = transcript_symbols(lexicon, clip.transcript) if clip.transcript else None
    aligned = align_clip(tokenizer, clip.clip_id, mel, symbols) if symbols else None
    if aligned is None:
        return None
    unknown = len(lexicon.inventory) + 1
    labels = np.full(len(mel), UNLABELLED)
    start = 0
    for symbol, end in zip(aligned.symbols, aligned.ends, strict=True):
        if symbol != unknown:
            labels[start:end] = PARTS * symbol + np.arange(end - start) * PARTS // (end - start)
        start = end
    return labels
