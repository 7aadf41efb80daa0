"""Unit ids of every prepared clip, one per frame: `tokens-NAME.u16` beside flat mels, or a field of every shard."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from undertone.engine.worker_pool import worker_pool
from undertone.train.data.flat_arrays import keep_rows
from undertone.train.data.pool import is_sharded
from undertone.train.data.prepare import Clip, PreparedCorpus, read_index
from undertone.train.data.unit_ids import MISSING, TokenFile
from undertone.train.tokenizer.assign_shard_tokens import assign_shard_tokens
from undertone.train.tokenizer.clip_features import (
    ClipFeatures,
    PackedTokenizer,
    Tokenizer,
    clip_features,
    tokenizer_fingerprint,
    units,
    units_only,
)

__all__ = ["TokenFile", "assign_tokens"]


class _Worker:
    """One process of `assign_tokens`: the tokenizer and the memory-mapped clips."""

    corpora: dict[str, PreparedCorpus]
    features: ClipFeatures

    @classmethod
    def start(cls, tokenizer: PackedTokenizer | Tokenizer, prepared: Path) -> None:
        cls.features = clip_features(tokenizer.unpacked() if isinstance(tokenizer, PackedTokenizer) else tokenizer)
        splits = {clip.split for clip in read_index(prepared)}
        cls.corpora = {split: PreparedCorpus(prepared, split) for split in splits}

    @classmethod
    def assign(cls, clip: Clip) -> np.ndarray:
        """Ids of one clip."""
        return units(cls.features, cls.corpora[clip.split], clip).numpy().astype(np.uint16)


def assign_tokens(tokenizer: Tokenizer, prepared: Path, workers: int = 2) -> Path:
    """Write the unit ids of all clips of a prepared folder; done once per tokenizer, and for clips that were added.

    Of several processes the first writes flat files, and all share the work on shards.

    Returns:
        the file of ids, uint16, one per frame in the order of the flat mel file; for shards the name of the field.
    """
    name = f"tokens-{tokenizer_fingerprint(tokenizer)}"
    if is_sharded(prepared):
        return assign_shard_tokens(units_only(tokenizer), prepared, name, workers)

    def rows(clips: Sequence[Clip]) -> Iterator[tuple[Clip, np.ndarray]]:
        found = _ids_of(units_only(tokenizer), prepared, clips, workers)
        yield from zip(clips, tqdm(found, total=len(clips), desc="tokens", mininterval=5.0), strict=True)

    return keep_rows(prepared / f"{name}.u16", read_index(prepared), np.uint16, MISSING, rows)


def _ids_of(tokenizer: Tokenizer, prepared: Path, clips: Sequence[Clip], workers: int) -> Iterator[np.ndarray]:
    """Ids clip by clip: by several processes on the CPU, by this one on a GPU."""
    if workers <= 1 or next(tokenizer.buffers()).device.type != "cpu":
        _Worker.start(tokenizer, prepared)
        yield from map(_Worker.assign, clips)
        return
    with worker_pool(workers, _Worker.start, (PackedTokenizer.of(tokenizer), prepared)) as pool:
        yield from pool.map(_Worker.assign, clips, chunksize=16)
