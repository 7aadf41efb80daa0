"""Unit ids of every prepared clip, one per frame: `tokens-NAME.u16` beside flat mels, or a field of every shard."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from undertone.engine.worker_pool import map_in_workers
from undertone.train.data.flat_arrays import update_rows
from undertone.train.data.flat_corpus import PreparedCorpus, read_index
from undertone.train.data.flat_files import Clip
from undertone.train.data.pool import is_sharded
from undertone.train.data.unit_ids import MISSING
from undertone.train.tokenizer.assign_shard_tokens import assign_shard_tokens
from undertone.train.tokenizer.clip_features import (
    PackedTokenizer,
    Tokenizer,
    assign_units,
    clip_features,
    pack_for_workers,
    tokenizer_fingerprint,
    units_only,
    unpack,
)


class _TokenTask:
    """Task of a worker: unit ids of clips of flat files."""

    def __init__(self, tokenizer: PackedTokenizer | Tokenizer, prepared: Path) -> None:
        self._features = clip_features(unpack(tokenizer))
        self._corpus = PreparedCorpus(prepared)

    def __call__(self, clip: Clip) -> np.ndarray:
        """Return the ids uint16 [T] of a clip, at most one for each frame of its mel."""
        return assign_units(self._features, self._corpus, clip).numpy().astype(np.uint16)


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
        packed, processes = pack_for_workers(units_only(tokenizer), workers)
        found = map_in_workers(_TokenTask, (packed, prepared), clips, processes, chunk_size=16)
        yield from zip(clips, tqdm(found, total=len(clips), desc="tokens", mininterval=5.0), strict=True)

    return update_rows(prepared / f"{name}.u16", read_index(prepared), np.uint16, MISSING, rows)
