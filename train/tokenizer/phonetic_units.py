"""Units of a tokenizer trained on phones: clusters of one layer's features, or parts of phones.

T frames, F dims, V units.

CTC alone leaves features in which speakers and neighbours weigh as much as phones, so that clusters of them say more
than a small model can learn to predict. Parts of phones say the phone and no more.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.train.alignment.ctc import align_clip
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_files import Clip
from undertone.train.data.pool import open_corpus
from undertone.train.tokenizer.clip_features import clip_features, encoder_inputs
from undertone.train.tokenizer.hubert_units import unit_statistics
from undertone.train.tokenizer.part_alignment import PartAligner
from undertone.train.tokenizer.phone_parts import fit_points, parts_of, transition_costs


@dataclass(frozen=True)
class _Frames:
    """Frames of some training clips."""

    features: list[np.ndarray]  # [T, F] of each, before the projection
    labels: list[np.ndarray]  # int64 [T] of each: the part of a phone, UNLABELLED in unknown words

    @property
    def count(self) -> int:
        return sum(map(len, self.features))


@torch.inference_mode()
def fit_units(
    tokenizer: PhoneReader,
    prepared: Path,
    lexicon: Lexicon,
    num_frames: int,
    seed: int = 0,
    max_hours: float = 20.0,
    aligner: PartAligner | None = None,
) -> dict[str, float]:
    """Fit the tokenizer's units on random clips, in place.

    Args:
        aligner: says when each part of a phone is spoken; None: the tokenizer's own CTC.
    Returns:
        what the units look like: entropy in bits, share of units in use, mean run length in frames.
    Raises:
        CorpusError: nothing is transcribed, and phones are asked for.
    """
    num_units = tokenizer.config.num_units
    frames = _collect_frames(tokenizer, prepared, lexicon, num_frames, seed, max_hours, aligner)
    if tokenizer.projection is None or tokenizer.transition_costs is None:
        from sklearn.cluster import MiniBatchKMeans  # takes two seconds, and parts of phones need none

        features = frames.features
        kmeans = MiniBatchKMeans(
            num_units, batch_size=8192, n_init=1, max_iter=20, random_state=seed, reassignment_ratio=0.001
        ).fit(np.concatenate(features))
        tokenizer.centroids.copy_(torch.from_numpy(kmeans.cluster_centers_.astype(np.float32)))
    else:
        everything = np.concatenate(frames.features), np.concatenate(frames.labels)
        with torch.inference_mode(False):
            points = fit_points(*everything, tokenizer.projection, num_units, seed)
        tokenizer.centroids.copy_(points)
        tokenizer.transition_costs.copy_(torch.from_numpy(transition_costs(frames.labels, num_units)))
        features = [tokenizer.projection(torch.from_numpy(clip)).numpy() for clip in frames.features]
    units = [tokenizer.units(torch.from_numpy(clip)).numpy() for clip in features]
    runs = sum(1 + int((np.diff(clip) != 0).sum()) for clip in units)
    statistics = unit_statistics(np.concatenate(units), num_units)
    return statistics | {"mean_run_frames": frames.count / runs}


def _collect_frames(
    tokenizer: PhoneReader,
    prepared: Path,
    lexicon: Lexicon,
    num_frames: int,
    seed: int,
    max_hours: float,
    aligner: PartAligner | None,
) -> _Frames:
    """Return random clips until there are `num_frames`; parts of phones need those with a transcript."""
    audio = clip_features(tokenizer).needs_audio
    corpus = open_corpus(prepared, "train", tokenizer.config.mel, max_hours, audio=audio)
    found = _Frames([], [])
    progress = tqdm(total=num_frames, desc="frames for the units", unit="frames", unit_scale=True, mininterval=5.0)
    for index in np.random.default_rng(seed).permutation(len(corpus.clips)):
        clip = corpus.clips[index]
        inputs = encoder_inputs(tokenizer, corpus, clip)
        lengths = torch.tensor([tokenizer.num_frames(len(inputs))])
        hidden = tokenizer.hidden_batch(inputs[None], lengths)
        if tokenizer.projection is not None:
            if aligner is not None:
                labels = aligner.labels(corpus, clip, int(lengths))
            else:
                labels = phone_parts(tokenizer, clip, inputs, corpus.mel(clip), lexicon)
            if labels is None:
                continue
            found.labels.append(labels)
            hidden = tokenizer.stacked(hidden, lengths)
        found.features.append(hidden[0].numpy())
        progress.update(int(lengths))
        if found.count >= num_frames:
            break
    progress.close()
    if not found.features:
        raise CorpusError("no clip of the train split has a transcript whose words are in the dictionary")
    return found


def phone_parts(tokenizer: PhoneReader, clip: Clip, inputs: Tensor, mel: Tensor, lexicon: Lexicon) -> np.ndarray | None:
    """Return which third of which phone each frame of a clip is, int64 [T]; None where its transcript does not say."""
    symbols = lexicon.symbols(clip.transcript) if clip.transcript else None
    aligned = align_clip(tokenizer, clip.clip_id, inputs, mel, symbols) if symbols else None
    return parts_of(np.array(aligned.symbols), np.array(aligned.ends), len(lexicon.inventory)) if aligned else None
