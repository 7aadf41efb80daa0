"""The inventory: every run of frames that realises a phone, found by the phone, its neighbours and its speaker.

A run is a segment of an aligned clip. Frames are counted over the flat files, so that one number finds a frame's unit,
its latents and its mel. N runs, S symbols.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from undertone.engine.config import FRAME_RATE_HZ
from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.data.prepare import Clip

MAX_PHONE_FRAMES = 25  # 0.5 s; what is longer was aligned wrongly, or is a pause that was not quiet
LONG_PAUSE_FRAMES = 18  # 0.36 s: below it the pause of a comma, from it on that between sentences
MAX_PAUSE_FRAMES = 60
DROPPED_SHARE = 0.05  # of each symbol's runs: those whose units speak least for it

BOTH, HALF, NONE = 2, 1, 0  # how many neighbours of a run are those that were asked for


@dataclass(frozen=True)
class UnitTable:
    """All segments of the aligned clips in the order of the flat files, arrays [N]; run i + 1 follows run i."""

    symbol: np.ndarray  # 0 a short pause, then the phones, then an unknown word, then a long pause
    start: np.ndarray  # frames of the flat files
    end: np.ndarray
    clip: np.ndarray  # number of the clip
    speaker: np.ndarray  # number of the speaker
    word: np.ndarray  # number of the word, counted over all clips; a pause belongs to the word before it
    before: np.ndarray  # symbol of the run before; SILENCE for any pause and for the clip's beginning
    after: np.ndarray  # the same behind it
    usable: np.ndarray  # bool

    def __len__(self) -> int:
        return len(self.symbol)

    def frames(self, runs: np.ndarray) -> np.ndarray:
        """Frame numbers of runs, by their numbers, one run after the other: int64 [T]."""
        starts, lengths = self.start[runs], self.end[runs] - self.start[runs]
        begins = np.cumsum(lengths) - lengths
        frames: np.ndarray = np.repeat(starts - begins, lengths) + np.arange(lengths.sum())
        return frames


@dataclass(frozen=True)
class UnitInventory:
    """Runs of one split, to be looked up."""

    phones: tuple[str, ...]
    speakers: tuple[str, ...]
    clip_ids: tuple[str, ...]
    runs: UnitTable

    @property
    def unknown(self) -> int:
        """Symbol of a word that no dictionary holds."""
        return len(self.phones) + 1

    @property
    def long_pause(self) -> int:
        """Symbol of a pause as between sentences."""
        return len(self.phones) + 2

    @property
    def num_symbols(self) -> int:
        """Return S."""
        return len(self.phones) + 3

    @classmethod
    def build(
        cls,
        alignment: CorpusAlignment,
        clips: Sequence[Clip],
        split: str = "train",
        without: frozenset[str] = frozenset(),
    ) -> "UnitInventory":
        """Build the runs of a split.

        Args:
            without: speakers to leave out, for example those of another split.
        Raises:
            CorpusError: no aligned clip is left.
        """
        chosen = [
            (clip, alignment.clips[clip.clip_id])
            for clip in clips
            if clip.split == split and clip.clip_id in alignment.clips and clip.speaker not in without
        ]
        if not chosen:
            raise CorpusError(f"no aligned clip of the split {split!r} is left for the inventory of runs")
        speakers = tuple(sorted({clip.speaker for clip, _ in chosen}))
        num_phones = len(alignment.phones)
        runs = _runs(chosen, {name: number for number, name in enumerate(speakers)}, num_phones)
        return cls(alignment.phones, speakers, tuple(clip.clip_id for clip, _ in chosen), runs)

    def minutes(self, frame_rate_hz: float = FRAME_RATE_HZ) -> np.ndarray:
        """Usable speech of every speaker."""
        runs = self.runs
        frames = np.where(runs.usable, runs.end - runs.start, 0)
        totals: np.ndarray = np.bincount(runs.speaker, frames, minlength=len(self.speakers)) / frame_rate_hz / 60
        return totals


def _runs(chosen: list[tuple[Clip, AlignedClip]], speaker_number: dict[str, int], num_phones: int) -> UnitTable:
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("symbol", "start", "end", "clip", "word", "score")}
    words = 0
    for number, (clip, aligned) in enumerate(chosen):
        ends = np.array(aligned.ends)
        begins = np.zeros(len(ends), dtype=np.int64)
        begins[aligned.firsts] = 1
        parts["symbol"].append(np.array(aligned.symbols))
        parts["start"].append(clip.frame_offset + np.append(0, ends[:-1]))
        parts["end"].append(clip.frame_offset + ends)
        parts["clip"].append(np.full(len(ends), number))
        parts["word"].append(words + np.cumsum(begins))
        parts["score"].append(np.array(aligned.scores))
        words += int(begins.sum()) + 1
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    symbol, clip_of, score = columns["symbol"], columns["clip"], columns.pop("score")
    same = clip_of[1:] == clip_of[:-1]
    length = columns["end"] - columns["start"]
    quiet = symbol == SILENCE
    return UnitTable(
        **(columns | {"symbol": np.where(quiet & (length >= LONG_PAUSE_FRAMES), num_phones + 2, symbol)}),
        speaker=np.array([speaker_number[clip.speaker] for clip, _ in chosen])[clip_of],
        before=np.append(SILENCE, np.where(same, symbol[:-1], SILENCE)),
        after=np.append(np.where(same, symbol[1:], SILENCE), SILENCE),
        usable=_usable(symbol, same, length, score, num_phones),
    )


def _usable(symbol: np.ndarray, same: np.ndarray, length: np.ndarray, score: np.ndarray, num_phones: int) -> np.ndarray:
    unknown = symbol == num_phones + 1
    fine = ~unknown & (length <= np.where(symbol == SILENCE, MAX_PAUSE_FRAMES, MAX_PHONE_FRAMES))
    fine[1:] &= ~(unknown[:-1] & same)  # an unknown word's edges are guesses
    fine[:-1] &= ~(unknown[1:] & same)
    lowest = np.full(num_phones + 2, -np.inf)
    for phone in range(1, num_phones + 1):
        of_phone = score[fine & (symbol == phone)]
        if len(of_phone):
            lowest[phone] = np.quantile(of_phone, DROPPED_SHARE)
    return np.asarray(fine & (score >= lowest[symbol]))


class UnitIndex:
    """Finds the usable runs of a symbol in its context, of all speakers together or of each alone."""

    def __init__(self, inventory: UnitInventory, per_speaker: bool) -> None:
        self.inventory, self.per_speaker = inventory, per_speaker
        self._base = inventory.num_symbols
        runs = inventory.runs
        chosen = np.flatnonzero(runs.usable)
        group = runs.speaker[chosen] if per_speaker else np.zeros(len(chosen), dtype=np.int64)
        symbol, before, after = runs.symbol[chosen], runs.before[chosen], runs.after[chosen]
        self._by_before = _Sorted(self._key(group, symbol, before, after), chosen)
        self._by_after = _Sorted(self._key(group, symbol, after, before), chosen)

    def _key(self, group: np.ndarray, symbol: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return ((group * self._base + symbol) * self._base + first) * self._base + second

    def find(
        self, symbol: int, before: int, after: int, speaker: int | None = None, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, int]:
        """Runs of a symbol with as much of the context as there is.

        Args:
            before: the neighbours' symbols, SILENCE for any pause and for the ends of an utterance.
            speaker: one voice; an index of all speakers together takes None.
            allowed: bool [N], runs that may be taken; None for all.
        Returns:
            numbers of the runs, none where the symbol was never spoken, and BOTH, HALF or NONE.
        """
        base = self._base
        prefix = (speaker or 0) * base + symbol
        half = prefix * base
        key = (half + before) * base + after
        ranges = {
            BOTH: [self._by_before.between(key, key + 1)],
            HALF: [
                self._by_before.between((half + before) * base, (half + before + 1) * base),
                self._by_after.between((half + after) * base, (half + after + 1) * base),
            ],
            NONE: [self._by_before.between(half * base, (half + base) * base)],
        }
        found = np.zeros(0, dtype=np.int64)
        for level, parts in ranges.items():
            found = np.concatenate(parts)
            if allowed is not None:
                found = found[allowed[found]]
            if len(found):
                return found, level
        return found, NONE

    def all_of(self, symbol: int, speaker: int | None = None) -> np.ndarray:
        """Return every usable run of a symbol, whatever its neighbours."""
        prefix = ((speaker or 0) * self._base + symbol) * self._base
        return self._by_before.between(prefix * self._base, (prefix + self._base) * self._base)


class _Sorted:
    """Run numbers sorted by a key."""

    def __init__(self, keys: np.ndarray, runs: np.ndarray) -> None:
        order = np.argsort(keys, kind="stable")
        self._keys, self._runs = keys[order], runs[order]

    def between(self, low: int, high: int) -> np.ndarray:
        """Runs whose key is in [low, high)."""
        first, last = np.searchsorted(self._keys, (low, high))
        return self._runs[first:last]
