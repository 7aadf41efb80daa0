"""Sentences spoken as runs of recorded frames: symbols in, frame numbers of the flat files out.

The rule: a stretch of runs begins with one that has as much of its context as any (both neighbours, one, none). Of at
most CANDIDATES such runs, drawn at random, the one is taken whose recording goes on as the sentence does for longest,
up to MAX_STRETCH runs; among equals the one that joins best: the frame before it, in its own recording, is nearest to
the last frame spoken, and its first frame nearest to the one that followed there. Nothing is blended at a join.
"""

from dataclasses import dataclass

import numpy as np

from train.text.runs import Inventory, RunIndex
from train.text.segments import SILENCE

CANDIDATES = 12
MAX_STRETCH = 6


@dataclass(frozen=True)
class Rendering:
    """Runs in the order in which they are spoken."""

    runs: np.ndarray  # int64, numbers in the inventory
    levels: np.ndarray  # int64, of each run: BOTH, one (HALF) or NONE of its neighbours are as asked
    joins: np.ndarray  # bool, whether the run does not follow the one before it in its recording


class Renderer:
    """Speaks symbols with the runs of an inventory.

    Args:
        one_voice: whether a sentence keeps one speaker; False takes runs from all.
        join_features: [frames, F] in which a join should be short, None: any join is as good as another.
        max_stretch: runs of one recording in a row, at most; 1 joins every run, that which would follow
            too is avoided.
    """

    def __init__(
        self,
        inventory: Inventory,
        one_voice: bool = True,
        join_features: np.ndarray | None = None,
        max_stretch: int = MAX_STRETCH,
    ) -> None:
        self.inventory, self.one_voice, self.max_stretch = inventory, one_voice, max_stretch
        self._index = RunIndex(inventory, one_voice)
        self._features = join_features
        minutes = inventory.minutes()
        self._share = minutes / minutes.sum()

    def draw_speaker(self, random: np.random.Generator) -> int | None:
        """A voice, drawn by how much there is of it; None where voices are mixed."""
        return int(random.choice(len(self._share), p=self._share)) if self.one_voice else None

    def render(
        self,
        symbols: np.ndarray,
        speaker: int | None,
        random: np.random.Generator,
        edges: tuple[int, int] = (SILENCE, SILENCE),
        allowed: np.ndarray | None = None,
    ) -> Rendering:
        """Speak symbols; a symbol that the voice never spoke is left out.

        Args:
            symbols: phones, short and long pauses.
            speaker: from `draw_speaker`.
            edges: the symbols before the first and after the last one.
            allowed: bool, runs of the inventory that may be taken; None for all.
        """
        asked = np.asarray(symbols, dtype=np.int64)
        quiet = np.where(asked == self.inventory.long_pause, SILENCE, asked)
        context = np.concatenate([edges[:1], quiet, edges[1:]])
        chosen: list[int] = []
        places: list[int] = []
        place = 0
        while place < len(asked):
            before, after = int(context[place]), int(context[place + 2])
            candidates, _ = self._index.find(int(asked[place]), before, after, speaker, allowed)
            if not len(candidates):
                place += 1
                continue
            if len(candidates) > CANDIDATES:
                candidates = candidates[random.integers(0, len(candidates), CANDIDATES)]
            run, count = self._best(candidates, asked, context, place, chosen[-1] if chosen else None)
            chosen += range(run, run + count)
            places += range(place, place + count)
            place += count
        runs, at = np.array(chosen, dtype=np.int64), np.array(places, dtype=np.int64)
        table = self.inventory.runs
        levels = (table.before[runs] == context[at]).astype(np.int64) + (table.after[runs] == context[at + 2])
        return Rendering(runs, levels, np.append(True, np.diff(runs) != 1)[: len(runs)])

    def _best(
        self, candidates: np.ndarray, asked: np.ndarray, context: np.ndarray, place: int, last: int | None
    ) -> tuple[int, int]:
        """The run to go on with, and how many runs of its recording to take from there."""
        table = self.inventory.runs
        reach = np.ones(len(candidates), dtype=np.int64)
        going = np.ones(len(candidates), dtype=bool)
        for ahead in range(1, min(self.max_stretch, len(asked) - place)):
            following = np.minimum(candidates + ahead, len(table) - 1)
            going &= table.usable[following] & (table.clip[following] == table.clip[candidates])
            going &= table.symbol[following] == asked[place + ahead]
            reach += going
            if not going.any():
                break
        ends_well = table.after[candidates + reach - 1] == context[place + reach + 1]
        merit = reach + 0.5 * ends_well
        if last is not None and self.max_stretch == 1:
            merit = merit - 2.0 * (candidates == last + 1)
        best = np.flatnonzero(merit == merit.max())
        if last is not None and self._features is not None and len(best) > 1:
            best = best[[int(self._distance(self._features, last, candidates[best]).argmin())]]
        return int(candidates[best[0]]), int(reach[best[0]])

    def _distance(self, features: np.ndarray, last: int, candidates: np.ndarray) -> np.ndarray:
        """How badly runs join the end of the run `last`, [candidates]."""
        table = self.inventory.runs
        start, end = table.start[candidates], int(table.end[last])
        before = features[np.maximum(start - 1, 0)].astype(np.float32) - features[end - 1]
        behind = features[start].astype(np.float32) - features[min(end, len(features) - 1)]
        distance: np.ndarray = np.square(before).sum(1) + np.square(behind).sum(1)
        return distance

    def frames(self, runs: np.ndarray) -> np.ndarray:
        """Frame numbers of runs, int64 [T]."""
        table = self.inventory.runs
        starts, lengths = table.start[runs], table.end[runs] - table.start[runs]
        begins = np.cumsum(lengths) - lengths
        frames: np.ndarray = np.repeat(starts - begins, lengths) + np.arange(lengths.sum())
        return frames
