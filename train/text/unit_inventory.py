"""The inventory of unit selection: the frames of every phone, found by the phone, its neighbours and its speaker.

A unit is a segment of an aligned clip. Frames are counted over the flat files, so that one number finds a frame's
token, latents and mel. N units, S symbols.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from undertone.engine.config import FRAME_RATE_HZ
from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_files import Clip

MAX_PHONE_FRAMES = 25  # 0.5 s; what is longer was aligned wrongly, or is a pause that was not quiet
LONG_PAUSE_FRAMES = 18  # 0.36 s: below it the pause of a comma, from it on that between sentences
MAX_PAUSE_FRAMES = 60
DROPPED_SHARE = 0.05  # of each symbol's units: those with the lowest scores

BOTH, HALF, NONE = 2, 1, 0  # how many neighbours of a unit match the context


@dataclass(frozen=True)
class UnitTable:
    """Table of the segments of aligned clips in the order of the flat files, arrays [N]; unit i + 1 follows unit i."""

    symbol: np.ndarray  # 0 a short pause, then the phones, then an unknown word, then a long pause
    start: np.ndarray  # frames of the flat files
    end: np.ndarray
    clip: np.ndarray  # number of the clip
    speaker: np.ndarray  # number of the speaker
    word: np.ndarray  # number of the word, counted over all clips; a pause belongs to the word before it
    before: np.ndarray  # symbol of the unit before; SILENCE for any pause and for the clip's beginning
    after: np.ndarray  # the same behind it
    usable: np.ndarray  # bool

    def __len__(self) -> int:
        return len(self.symbol)

    def frames(self, units: np.ndarray) -> np.ndarray:
        """Return the frame numbers of units, by their numbers, one unit after the other: int64 [T]."""
        starts, lengths = self.start[units], self.end[units] - self.start[units]
        begins = np.cumsum(lengths) - lengths
        frames: np.ndarray = np.repeat(starts - begins, lengths) + np.arange(lengths.sum())
        return frames


@dataclass(frozen=True)
class UnitInventory:
    """Units of one split, to be looked up."""

    phones: tuple[str, ...]
    speakers: tuple[str, ...]
    clip_ids: tuple[str, ...]
    units: UnitTable

    @property
    def unknown(self) -> int:
        """Return the symbol of a word that the dictionary lacks."""
        return len(self.phones) + 1

    @property
    def long_pause(self) -> int:
        """Return the symbol of a pause as between sentences."""
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
        """Build the units of a split.

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
        units = _segment_table(chosen, {name: number for number, name in enumerate(speakers)}, num_phones)
        return cls(alignment.phones, speakers, tuple(clip.clip_id for clip, _ in chosen), units)

    def minutes(self, frame_rate_hz: float = FRAME_RATE_HZ) -> np.ndarray:
        """Return the minutes of usable speech of every speaker."""
        units = self.units
        frames = np.where(units.usable, units.end - units.start, 0)
        totals: np.ndarray = np.bincount(units.speaker, frames, minlength=len(self.speakers)) / frame_rate_hz / 60
        return totals


def _segment_table(
    chosen: list[tuple[Clip, AlignedClip]], speaker_number: dict[str, int], num_phones: int
) -> UnitTable:
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
    fine[1:] &= ~(unknown[:-1] & same)  # the boundaries of an unknown word are uncertain
    fine[:-1] &= ~(unknown[1:] & same)
    lowest = np.full(num_phones + 2, -np.inf)
    for phone in range(1, num_phones + 1):
        of_phone = score[fine & (symbol == phone)]
        if len(of_phone):
            lowest[phone] = np.quantile(of_phone, DROPPED_SHARE)
    return np.asarray(fine & (score >= lowest[symbol]))


class UnitIndex:
    """Index of the usable units of a symbol by context, of all speakers together or of each alone."""

    def __init__(self, inventory: UnitInventory, per_speaker: bool) -> None:
        self.inventory, self.per_speaker = inventory, per_speaker
        self._base = inventory.num_symbols
        units = inventory.units
        chosen = np.flatnonzero(units.usable)
        group = units.speaker[chosen] if per_speaker else np.zeros(len(chosen), dtype=np.int64)
        symbol, before, after = units.symbol[chosen], units.before[chosen], units.after[chosen]
        self._by_before = _Sorted(self._key(group, symbol, before, after), chosen)
        self._by_after = _Sorted(self._key(group, symbol, after, before), chosen)

    def _key(self, group: np.ndarray, symbol: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return ((group * self._base + symbol) * self._base + first) * self._base + second

    def find(
        self, symbol: int, before: int, after: int, speaker: int | None = None, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, int]:
        """Return the units of a symbol whose context matches best.

        Args:
            before: the neighbours' symbols, SILENCE for any pause and for the ends of an utterance.
            speaker: one voice; an index of all speakers together takes None.
            allowed: bool [N], units that may be taken; None for all.
        Returns:
            numbers of the units, none where the symbol has none, and BOTH, HALF or NONE.
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
        """Return every usable unit of a symbol, whatever its neighbours."""
        prefix = ((speaker or 0) * self._base + symbol) * self._base
        return self._by_before.between(prefix * self._base, (prefix + self._base) * self._base)


class _Sorted:
    """Run numbers sorted by a key."""

    def __init__(self, keys: np.ndarray, units: np.ndarray) -> None:
        order = np.argsort(keys, kind="stable")
        self._keys, self._units = keys[order], units[order]

    def between(self, low: int, high: int) -> np.ndarray:
        """Return the units whose key is in [low, high)."""
        first, last = np.searchsorted(self._keys, (low, high))
        return self._units[first:last]
