"""Unit ids of shards: one more tar beside those of every shard, made by as many processes as there are."""

from pathlib import Path

import numpy as np
from lhotse.shar import ArrayTarWriter

from undertone.train.data.pool import load_pool, shard_numbers
from undertone.train.data.processes import share, wait_for
from undertone.train.data.shards import array_manifest, run_shards, shard_file, unfinished
from undertone.train.tokenizer.clip_features import ClipFeatures, PackedTokenizer, Tokenizer, clip_features, units


def splits_of(prepared: Path) -> list[str]:
    """Return the splits that a folder of shards holds."""
    return sorted(path.name for path in prepared.iterdir() if next(path.glob("shard.*.json"), None))


class _Worker:
    """One process of `assign_shard_tokens`: the tokenizer, which would be too large to send along with every shard."""

    features: ClipFeatures
    prepared: Path
    field: str

    @classmethod
    def start(cls, tokenizer: PackedTokenizer | Tokenizer, prepared: Path, field: str) -> None:
        loaded = tokenizer.unpacked() if isinstance(tokenizer, PackedTokenizer) else tokenizer
        cls.features, cls.prepared, cls.field = clip_features(loaded), prepared, field

    @classmethod
    def write(cls, item: tuple[str, int]) -> None:
        """Write the ids of one shard, renamed into place when whole."""
        split, number = item
        features = cls.features
        corpus = load_pool(cls.prepared, split, [number], features.mel, features.needs_audio).corpus
        target = shard_file(cls.prepared, split, cls.field, number, ".tar")
        partial_file = target.with_name(f".partial-{target.name}")
        with ArrayTarWriter(str(partial_file), shard_size=None) as writer:
            for clip in corpus.clips:
                ids = units(features, corpus, clip).numpy().astype(np.uint16)
                writer.write(clip.clip_id, ids, array_manifest(ids))
        partial_file.rename(target)


def assign_shard_tokens(tokenizer: Tokenizer, prepared: Path, field: str, workers: int = 2) -> Path:
    """Write this process' share of the field, then wait for the others; what is there is not made again.

    Returns:
        `prepared / field`: no file of its own, but where `load_pool` and the samplers find the field's name.
    """
    work = [(split, number) for split in splits_of(prepared) for number in shard_numbers(prepared, split)]
    own = unfinished(prepared, work, share(), field)
    if next(tokenizer.buffers()).device.type != "cpu":
        workers = 1
    if own and workers <= 1:
        _Worker.start(tokenizer, prepared, field)
    packed = (PackedTokenizer.of(tokenizer), prepared, field) if own and workers > 1 else ()
    run_shards(_Worker.write, own, workers, "tokens", _Worker.start, packed)
    for split, number in work:
        wait_for(shard_file(prepared, split, field, number, ".tar"))
    return prepared / field
