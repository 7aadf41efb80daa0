"""The manifest of a corpus: one Lhotse cut a line, an order, and where its shards begin; 21 bytes of memory a clip.

manifest/cuts.jsonl      cuts in the order of the corpus
manifest/SPLIT.npy       byte offsets of the split's cuts, shuffled, so that a shard holds many speakers
manifest/SPLIT.firsts.npy   the first cut of every shard, and the number of cuts
manifest/rejected.jsonl  recordings whose header cannot be read or whose id was there before, and why
manifest/manifest.json   what was listed; written last
"""

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soundfile
from lhotse.cut import Cut
from lhotse.serialization import deserialize_item
from tqdm import tqdm

from undertone.engine.files.atomic_files import whole_file, write_whole
from undertone.train.corpora.cuts import cut_of, read_cuts, split_of, text_of
from undertone.train.corpora.layouts import is_cut_manifest, read_layout
from undertone.train.corpora.source import CorpusError, Notes, Source, name_hash

FOLDER, DONE, CUTS, REJECTED = "manifest", "manifest.json", "cuts.jsonl", "rejected.jsonl"
HEADERS_AT_ONCE = 256
Listed: TypeAlias = Cut | tuple[Source, str]  # a cut, or a recording and why there is none of it


def cuts_of_corpus(corpus: Path, layout: str, notes: Notes | None = None, threads: int = 8) -> Iterator[Listed]:
    """Yield the cuts of a corpus folder or of a Lhotse manifest, in order; headers are read by several threads."""
    if is_cut_manifest(corpus):
        yield from read_cuts(corpus)
        return
    sources = read_layout(corpus, layout, notes)
    with ThreadPoolExecutor(threads) as pool:
        while block := list(islice(sources, HEADERS_AT_ONCE)):
            yield from pool.map(_list_cut, block)


def _list_cut(source: Source) -> Listed:
    try:
        return cut_of(source)
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        return source, str(error)


@dataclass
class _Columns:
    """Columns in memory of the clips that are written."""

    splits: tuple[str, ...]
    split: array = field(default_factory=lambda: array("B"))
    seconds: array = field(default_factory=lambda: array("f"))
    length: array = field(default_factory=lambda: array("Q"))
    name: array = field(default_factory=lambda: array("Q"))

    def add(self, cut: Cut, length: int) -> None:
        self.split.append(self.splits.index(split_of(cut)))
        self.seconds.append(cut.duration)
        self.length.append(length)
        self.name.append(id_hash(cut.id))

    def repeated(self, taken: np.ndarray | None = None) -> np.ndarray:
        """Return bool [clips], True where the id was there before or is among those taken."""
        names = np.frombuffer(self.name, dtype=np.uint64)
        later = np.ones(len(names), dtype=bool)
        later[np.unique(names, return_index=True)[1]] = False
        return later if taken is None else later | np.isin(names, taken)


def write_manifest(
    listed: Iterable[Listed],
    out: Path,
    corpus: str,
    splits: tuple[str, ...],
    shard_hours: float,
    seed: int = 0,
    notes: Notes | None = None,
    taken: np.ndarray | None = None,
) -> None:
    """List a corpus once, in memory that holds a few numbers a clip.

    Args:
        listed: what `cuts_of_corpus` yields.
        out: the prepared folder; `out/manifest` is written.
        corpus: where it came from, for the record.
        splits: those to keep.
        shard_hours: speech in a shard, so that all take about as long.
        notes: what was noticed while listing, for the record.
        taken: hashes (`id_hash`) of ids that no clip may have, uint64.
    Raises:
        CorpusError: nothing to keep.
    """
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    columns, others = _Columns(splits), Counter[str]()
    num_rejected = num_with_text = 0
    first_reason = ""
    with (folder / CUTS).open("wb") as cuts, (folder / REJECTED).open("w") as rejected:
        for item in tqdm(listed, desc="manifest", unit=" clips", mininterval=5.0):
            split = item[0].split if isinstance(item, tuple) else split_of(item)
            if split not in splits:
                others[split] += 1
            elif isinstance(item, tuple):
                source, reason = item
                rejected.write(_rejection(source.clip_id, source.path, reason))
                first_reason = first_reason or f"; the first: {source.path} {reason}"
                num_rejected += 1
            else:
                line = json.dumps(item.to_dict()).encode() + b"\n"
                cuts.write(line)
                columns.add(item, len(line))
                num_with_text += bool(text_of(item).strip())
    if not columns.length:
        elsewhere = f"; it has {', '.join(f'{n} of {split!r}' for split, n in others.items())}" if others else ""
        raise CorpusError(f"no usable recording in {corpus} for the splits {splits}{elsewhere}{first_reason}")
    repeated = columns.repeated(taken)
    if repeated.any():
        num_with_text -= _reject_repeated(folder, repeated)
    facts = {
        "corpus": corpus,
        "asked": {"splits": list(splits), "layout": notes.layout if notes else ""},
        "splits": _write_orders(folder, columns, ~repeated, shard_hours, seed),
        "rejected": num_rejected + int(repeated.sum()),
        "duplicates": int(repeated.sum()),
        "with_text": num_with_text,
        "other_splits": dict(others),
        "listing": notes.facts() if notes else {},
        "shard_hours": shard_hours,
        "seed": seed,
    }
    write_facts(folder, facts)


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write what was listed, whole or not at all; with it the manifest is finished."""
    write_whole(folder / DONE, json.dumps(facts, indent=2) + "\n")


def id_hash(clip_id: str) -> int:
    """Return 64 bits that stand for an id."""
    return name_hash(clip_id, num_bytes=8)


def _write_orders(
    folder: Path, columns: _Columns, kept: np.ndarray, shard_hours: float, seed: int
) -> dict[str, dict[str, float]]:
    """Write where the cuts of every split lie, shuffled, and where its shards begin; return clips, hours and shards."""
    lengths = np.frombuffer(columns.length, dtype=np.uint64)[kept]
    offsets = np.concatenate([[0], lengths.cumsum()[:-1]]).astype(np.uint64)
    split, seconds = (
        np.frombuffer(column, dtype=kind)[kept]
        for column, kind in ((columns.split, np.uint8), (columns.seconds, np.float32))
    )
    found = {}
    for index, name in enumerate(columns.splits):
        own = np.flatnonzero(split == index)
        if not len(own):
            continue
        own = own[np.random.default_rng(seed).permutation(len(own))]
        hours = seconds[own].astype(np.float64).cumsum() / 3600
        np.save(folder / f"{name}.npy", offsets[own])
        shard_of = (hours / shard_hours).astype(np.int64)
        firsts = [0, *(1 + np.flatnonzero(np.diff(shard_of))).tolist(), len(own)]
        np.save(folder / f"{name}.firsts.npy", np.array(firsts))
        found[name] = {"clips": len(own), "hours": round(float(hours[-1]), 3), "shards": len(firsts) - 1}
    return found


def _reject_repeated(folder: Path, repeated: np.ndarray) -> int:
    """Move cuts whose id was there before from the list to the rejected ones; return how many of them had a text."""
    path = folder / CUTS
    with_text = 0
    with (
        whole_file(path) as unfinished,
        path.open("rb") as old,
        unfinished.open("wb") as new,
        (folder / REJECTED).open("a") as rejected,
    ):
        for line, again in zip(old, repeated.tolist(), strict=True):
            if not again:
                new.write(line)
                continue
            cut = deserialize_item(json.loads(line))
            with_text += bool(text_of(cut).strip())
            reason = f"has the id {cut.id}, which another recording had before; give each an id of its own"
            rejected.write(_rejection(cut.id, str(cut.recording.sources[0].source), reason))
    return with_text


def _rejection(clip_id: str, path: str, reason: str) -> str:
    return json.dumps({"clip_id": clip_id, "path": path, "reason": reason}) + "\n"


class Manifest:
    """A written manifest; offsets stay on disk."""

    def __init__(self, out: Path) -> None:
        self.folder = out / FOLDER
        if not (self.folder / DONE).is_file():
            raise CorpusError(f"{out} has no finished manifest. Run `undertone prepare` first.")
        facts = json.loads((self.folder / DONE).read_text())
        self.facts: dict[str, Any] = facts
        self.corpus: str = facts["corpus"]
        self.num_rejected: int = facts["rejected"]
        self.clips: dict[str, int] = {split: found["clips"] for split, found in facts["splits"].items()}
        self.hours: dict[str, float] = {split: found["hours"] for split, found in facts["splits"].items()}
        self.shards: dict[str, int] = {split: found["shards"] for split, found in facts["splits"].items()}

    def check_asked(self, corpus: str, splits: tuple[str, ...], layout: str) -> None:
        """Check that a folder was prepared from what is asked for now, or from a part of it (`missing_splits`).

        Raises:
            CorpusError: another corpus, fewer splits or another layout; nothing was changed.
        """
        asked = self.facts.get("asked")
        here = {"corpus": corpus} | ({} if layout in ("auto", "") else {"layout": layout})
        then = {"corpus": self.corpus} | ({} if asked is None else {"layout": asked["layout"]})
        if asked is not None and not set(asked["splits"]) <= set(splits):
            here["splits"], then["splits"] = ", ".join(sorted(splits)), ", ".join(sorted(asked["splits"]))
        for name, now in here.items():
            if name in then and then[name] != now:
                raise CorpusError(
                    f"{self.folder.parent} was prepared with {name} {then[name]}, now {now} is asked for. "
                    "Prepare into another folder, or remove this one first."
                )

    def missing_splits(self, splits: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the splits that were not asked for when the corpus was listed.

        A manifest that does not say what was asked for lacks what it names as other splits.
        """
        asked, others = self.facts.get("asked"), self.facts.get("other_splits", {})
        return tuple(split for split in splits if (split in others if asked is None else split not in asked["splits"]))

    @property
    def num_cuts(self) -> int:
        """Return the number of cuts; the file may hold more lines, of splits being added when a process was killed."""
        return sum(self.clips.values())

    def cuts(self) -> Iterator[Cut]:
        """Yield all cuts in the order of the corpus, those of splits that were added later at the end."""
        with (self.folder / CUTS).open("rb") as lines:
            for line in islice(lines, self.num_cuts):
                yield deserialize_item(json.loads(line))

    def shard(self, split: str, number: int) -> Iterator[Cut]:
        """Yield the cuts of one shard."""
        first, end = np.load(self.folder / f"{split}.firsts.npy", mmap_mode="r")[number : number + 2]
        offsets = np.load(self.folder / f"{split}.npy", mmap_mode="r")[first:end]
        with (self.folder / CUTS).open("rb") as lines:
            for offset in offsets.tolist():
                lines.seek(offset)
                yield deserialize_item(json.loads(lines.readline()))

    def rejected(self) -> list[dict[str, str]]:
        """Return the recordings that were left out while listing, with the reasons."""
        lines = (self.folder / REJECTED).read_text().splitlines()
        return [json.loads(line) for line in lines[: self.num_rejected]]
