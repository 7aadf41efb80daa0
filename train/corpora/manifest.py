"""The manifest of a corpus: one Lhotse cut a line, an order, and where its shards begin; 16 bytes of memory a clip.

manifest/cuts.jsonl      cuts in the order of the corpus
manifest/SPLIT.npy       byte offsets of the split's cuts, shuffled, so that a shard holds many speakers
manifest/SPLIT.firsts.npy   the first cut of every shard, and the number of cuts
manifest/rejected.jsonl  recordings whose header cannot be read, and why
manifest/manifest.json   what was listed; written last
"""

import json
from array import array
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
from lhotse.cut import Cut
from lhotse.serialization import deserialize_item
from tqdm import tqdm

from train.corpora.cuts import cut_of, read_cuts, split_of
from train.corpora.layouts import read_layout
from train.corpora.source import CorpusError, Source

FOLDER, DONE = "manifest", "manifest.json"
HEADERS_AT_ONCE = 256
Listed: TypeAlias = Cut | tuple[Source, str]  # a cut, or a recording and why there is none of it


def cuts_of_corpus(corpus: Path, layout: str, threads: int = 8) -> Iterator[Listed]:
    """The cuts of a corpus folder or of a Lhotse manifest, in order; headers are read by several threads."""
    if corpus.is_file():
        yield from read_cuts(corpus)
        return
    sources = read_layout(corpus, layout)
    with ThreadPoolExecutor(threads) as pool:
        while block := list(islice(sources, HEADERS_AT_ONCE)):
            yield from pool.map(_listed, block)


def _listed(source: Source) -> Listed:
    try:
        return cut_of(source)
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        return source, str(error)


def write_manifest(
    listed: Iterable[Listed], out: Path, corpus: str, splits: tuple[str, ...], shard_hours: float, seed: int = 0
) -> None:
    """List a corpus once, in memory that holds two numbers a clip.

    Args:
        listed: what `cuts_of_corpus` yields.
        out: the prepared folder; `out/manifest` is written.
        corpus: where it came from, for the record.
        splits: those to keep.
        shard_hours: speech in a shard, so that all take about as long.
    Raises:
        CorpusError: nothing to keep.
    """
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    offsets = {split: array("Q") for split in splits}
    seconds = {split: array("f") for split in splits}
    position = num_rejected = 0
    first_reason = ""
    with (folder / "cuts.jsonl").open("wb") as cuts, (folder / "rejected.jsonl").open("w") as rejected:
        for item in tqdm(listed, desc="manifest", unit=" clips", mininterval=5.0):
            if isinstance(item, tuple):
                source, reason = item
                if source.split in splits:
                    row = {"clip_id": source.clip_id, "path": source.path, "reason": reason}
                    rejected.write(json.dumps(row) + "\n")
                    first_reason = first_reason or f"; the first: {source.path} {reason}"
                    num_rejected += 1
            elif split_of(item) in splits:
                line = json.dumps(item.to_dict()).encode() + b"\n"
                cuts.write(line)
                offsets[split_of(item)].append(position)
                seconds[split_of(item)].append(item.duration)
                position += len(line)
    if not position:
        raise CorpusError(f"no usable recording in {corpus} for the splits {splits}{first_reason}")
    found = {}
    for split in splits:
        if offsets[split]:
            order = np.random.default_rng(seed).permutation(len(offsets[split]))
            hours = np.frombuffer(seconds[split], dtype=np.float32)[order].astype(np.float64).cumsum() / 3600
            np.save(folder / f"{split}.npy", np.frombuffer(offsets[split], dtype=np.uint64)[order])
            shard_of = (hours / shard_hours).astype(np.int64)
            firsts = [0, *(1 + np.flatnonzero(np.diff(shard_of))).tolist(), len(order)]
            np.save(folder / f"{split}.firsts.npy", np.array(firsts))
            found[split] = {"clips": len(order), "hours": round(float(hours[-1]), 3), "shards": len(firsts) - 1}
    facts = {"corpus": corpus, "splits": found, "rejected": num_rejected, "shard_hours": shard_hours, "seed": seed}
    partial = folder / (DONE + ".partial")
    partial.write_text(json.dumps(facts, indent=2) + "\n")
    partial.rename(folder / DONE)


class Manifest:
    """A written manifest; offsets stay on disk."""

    def __init__(self, out: Path) -> None:
        self.folder = out / FOLDER
        if not (self.folder / DONE).is_file():
            raise CorpusError(f"{out} has no finished manifest. Run `undertone prepare` first.")
        facts = json.loads((self.folder / DONE).read_text())
        self.corpus: str = facts["corpus"]
        self.num_rejected: int = facts["rejected"]
        self.clips: dict[str, int] = {split: found["clips"] for split, found in facts["splits"].items()}
        self.hours: dict[str, float] = {split: found["hours"] for split, found in facts["splits"].items()}
        self.shards: dict[str, int] = {split: found["shards"] for split, found in facts["splits"].items()}

    def cuts(self) -> Iterator[Cut]:
        """All cuts in the order of the corpus."""
        with (self.folder / "cuts.jsonl").open("rb") as lines:
            for line in lines:
                yield deserialize_item(json.loads(line))

    def shard(self, split: str, number: int) -> Iterator[Cut]:
        """The cuts of one shard."""
        first, end = np.load(self.folder / f"{split}.firsts.npy", mmap_mode="r")[number : number + 2]
        offsets = np.load(self.folder / f"{split}.npy", mmap_mode="r")[first:end]
        with (self.folder / "cuts.jsonl").open("rb") as lines:
            for offset in offsets.tolist():
                lines.seek(offset)
                yield deserialize_item(json.loads(lines.readline()))

    def rejected(self) -> list[dict[str, str]]:
        """Recordings whose header could not be read."""
        return [json.loads(line) for line in (self.folder / "rejected.jsonl").read_text().splitlines()]
