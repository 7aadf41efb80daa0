"""Sentences spoken as runs of recorded frames: symbols in, frame numbers of the flat files out.

The rule: the next run is one of at most CANDIDATES, drawn at random from those with as much of their context as any
(both neighbours, one, none). It counts for a run how many runs of its recording, up to MAX_STRETCH, go on as the
sentence does, and a half more where the neighbour behind the last of them is right; against it counts what the join
costs (train/text/join_costs.py). Nothing is blended at a join.
"""

from dataclasses import dataclass

import numpy as np

from undertone.train.alignment.segments import SILENCE
from undertone.train.text.join_costs import JoinCosts
from undertone.train.text.phone_runs import UnitIndex, UnitInventory

CANDIDATES = 16
MAX_STRETCH = 6
IMPOSSIBLE = 1e6
RUNS_PER_NAT = 0.4  # a join that is two and a half nats better is worth a run more in a row


@dataclass(frozen=True)
class UnitSequence:
    """Runs in the order in which they are spoken."""

    runs: np.ndarray  # int64, numbers in the inventory
    levels: np.ndarray  # int64, of each run: BOTH, one (HALF) or NONE of its neighbours are as asked
    joins: np.ndarray  # bool, whether the run does not follow the one before it in its recording


class UnitSelector:
    """Speaks symbols with the runs of an inventory.

    Args:
        one_voice: whether a sentence keeps one speaker; False takes runs from all.
        joins: what a join costs, None: any is as good as another.
        max_stretch: runs of one recording in a row, at most; 1 joins every run, that which would follow
            too is avoided.
    """

    def __init__(
        self,
        inventory: UnitInventory,
        one_voice: bool = True,
        joins: JoinCosts | None = None,
        max_stretch: int = MAX_STRETCH,
    ) -> None:
        self.inventory, self.one_voice, self.max_stretch = inventory, one_voice, max_stretch
        self._index = UnitIndex(inventory, one_voice)
        self._joins = joins
        minutes = inventory.minutes()
        self._share = minutes / minutes.sum()

    def draw_speaker(self, random: np.random.Generator) -> int | None:
        """Draw a voice by how much there is of it; None where voices are mixed."""
        return int(random.choice(len(self._share), p=self._share)) if self.one_voice else None

    def render(
        self,
        symbols: np.ndarray,
        speaker: int | None,
        random: np.random.Generator,
        edges: tuple[int, int] = (SILENCE, SILENCE),
        allowed: np.ndarray | None = None,
    ) -> UnitSequence:
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
        return UnitSequence(runs, levels, np.append(True, np.diff(runs) != 1)[: len(runs)])

    def _best(
        self, candidates: np.ndarray, asked: np.ndarray, context: np.ndarray, place: int, last: int | None
    ) -> tuple[int, int]:
        """Return the run to go on with, and how many runs of its recording to take from there."""
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
        if last is not None:
            if self._joins is not None:
                merit = merit - RUNS_PER_NAT * self._joins.cost(int(table.end[last]), table.start[candidates])
            if self.max_stretch == 1:
                merit = merit - IMPOSSIBLE * (candidates == last + 1)
        best = int(merit.argmax())
        return int(candidates[best]), int(reach[best])
