"""Unit ids of every prepared clip: `tokens.u16` beside the mels, one id per frame."""

import hashlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from engine.tokenizers.phonetic import PhoneticTokenizer
from engine.tokenizers.units import nearest_centroid
from train.prepare import Clip, CorpusError, PreparedCorpus, read_index


def fingerprint(tokenizer: PhoneticTokenizer) -> str:
    """Names the tokens that this tokenizer assigns; other weights give another name."""
    weights = {key: value.contiguous() for key, value in tokenizer.state_dict().items()}
    return hashlib.sha256(save(weights)).hexdigest()[:12]


class _Worker:
    """One process of `assign_tokens`: the tokenizer and the memory-mapped mels."""

    corpora: dict[str, PreparedCorpus]
    tokenizer: PhoneticTokenizer

    @classmethod
    def start(cls, tokenizer: PhoneticTokenizer, prepared: Path) -> None:
        torch.set_num_threads(1)
        cls.tokenizer = tokenizer
        splits = {clip.split for clip in read_index(prepared)}
        cls.corpora = {split: PreparedCorpus(prepared, split, tokenizer.config.mel) for split in splits}

    @classmethod
    @torch.inference_mode()
    def assign(cls, clip: Clip) -> np.ndarray:
        """Ids of one clip, alone: the encoder's convolutions see padding, and the engine analyses clips alone."""
        mel = cls.corpora[clip.split].mel(clip)
        features = cls.tokenizer.features_batch(mel[None], torch.tensor([clip.num_frames]))[0]
        return nearest_centroid(features, cls.tokenizer.centroids).numpy().astype(np.uint16)


def assign_tokens(tokenizer: PhoneticTokenizer, prepared: Path, workers: int = 2) -> Path:
    """Write the unit ids of all clips of a prepared folder; done once per tokenizer.

    Returns:
        the file of ids, uint16, one per frame in the order of the flat mel file.
    """
    path = prepared / f"tokens-{fingerprint(tokenizer)}.u16"
    if path.is_file():
        return path
    clips = read_index(prepared)
    tokens = np.zeros(clips[-1].frame_offset + clips[-1].num_frames, dtype=np.uint16)
    context = get_context("spawn")  # a forked process would inherit threads that torch has already started
    start = tokenizer.without_classifier(), prepared
    with ProcessPoolExecutor(workers, context, _Worker.start, start) as pool:
        results = pool.map(_Worker.assign, clips, chunksize=16)
        for clip, ids in zip(clips, tqdm(results, total=len(clips), desc="tokens", mininterval=5.0), strict=True):
            tokens[clip.frame_offset : clip.frame_offset + clip.num_frames] = ids
    partial = path.with_suffix(".partial")
    tokens.tofile(partial)
    partial.rename(path)
    return path


class TokenFile:
    """Memory-mapped unit ids of a prepared folder."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CorpusError(f"{path} does not exist. Assign tokens first: `undertone tokenizer`.")
        self._ids = np.memmap(path, dtype=np.uint16, mode="r")

    def tokens(self, clip: Clip, start: int = 0, count: int | None = None) -> Tensor:
        """int64 [frames] of a clip, or of `count` frames from `start`."""
        count = clip.num_frames - start if count is None else count
        begin = clip.frame_offset + start
        return torch.from_numpy(self._ids[begin : begin + count].astype(np.int64))
