"""Unit ids of shards: one more tar beside those of every shard, made by as many processes as there are."""

from pathlib import Path

import numpy as np
from lhotse.shar import ArrayTarWriter

from undertone.train.data.pool import load_pool, shard_numbers
from undertone.train.data.processes import share, wait_for
from undertone.train.data.shards import array_manifest, run_shards, shard_file, unfinished
from undertone.train.tokenizer.clip_features import (
    PackedTokenizer,
    Tokenizer,
    assign_units,
    clip_features,
    pack_for_workers,
    unpack,
)


def splits_of(prepared: Path) -> list[str]:
    """Return the splits that a folder of shards holds."""
    return sorted(path.name for path in prepared.iterdir() if next(path.glob("shard.*.json"), None))


class _ShardTokenTask:
    """Task of a worker: unit ids of whole shards."""

    def __init__(self, tokenizer: PackedTokenizer | Tokenizer, prepared: Path, field: str) -> None:
        self._features, self._prepared, self._field = clip_features(unpack(tokenizer)), prepared, field

    def __call__(self, shard: tuple[str, int]) -> None:
        """Write the ids of one shard (split, number), renamed into place when whole."""
        split, number = shard
        features = self._features
        corpus = load_pool(self._prepared, split, [number], features.mel, features.needs_audio).corpus
        target = shard_file(self._prepared, split, self._field, number, ".tar")
        partial_file = target.with_name(f".partial-{target.name}")
        with ArrayTarWriter(str(partial_file), shard_size=None) as writer:
            for clip in corpus.clips:
                ids = assign_units(features, corpus, clip).numpy().astype(np.uint16)
                writer.write(clip.clip_id, ids, array_manifest(ids))
        partial_file.rename(target)


def assign_shard_tokens(tokenizer: Tokenizer, prepared: Path, field: str, workers: int = 2) -> Path:
    """Write this process' share of the field, then wait for the others; what is there is not made again.

    Returns:
        `prepared / field`: no file of its own, but where `load_pool` and the samplers find the field's name.
    """
    work = [(split, number) for split in splits_of(prepared) for number in shard_numbers(prepared, split)]
    own = unfinished(prepared, work, share(), field)
    packed, processes = pack_for_workers(tokenizer, workers if own else 1)
    run_shards(_ShardTokenTask, (packed, prepared, field), own, processes, "tokens")
    for split, number in work:
        wait_for(shard_file(prepared, split, field, number, ".tar"))
    return prepared / field
