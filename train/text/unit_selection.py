"""Unit selection: a sentence as a sequence of recorded units, from symbols to frame numbers of the flat files.

The next unit is one of at most CANDIDATES, drawn at random from those whose context matches best (both neighbours, one,
none). Its score is the number of contiguous units of its recording, up to MAX_CONTIGUOUS_UNITS, whose symbols are those
of the sentence, plus a half where the neighbour after the last of them matches, minus the join cost
(train/text/join_costs.py). Nothing is blended at a join.
"""

from dataclasses import dataclass

import numpy as np

from undertone.train.alignment.segments import SILENCE
from undertone.train.text.join_costs import JoinCosts
from undertone.train.text.unit_inventory import UnitIndex, UnitInventory

CANDIDATES = 16
MAX_CONTIGUOUS_UNITS = 6
IMPOSSIBLE = 1e6
UNITS_PER_NAT = 0.4  # a join cost lower by 2.5 nats is worth one contiguous unit more


@dataclass(frozen=True)
class UnitSequence:
    """Selected units in their order."""

    units: np.ndarray  # int64, numbers in the inventory
    matches: np.ndarray  # int64, of each unit: BOTH, one (HALF) or NONE of its neighbours match
    joins: np.ndarray  # bool, True where the unit does not follow the one before it in its recording


class UnitSelector:
    """Selector of units of an inventory for a sequence of symbols.

    Args:
        one_voice: whether a sentence keeps one speaker; False takes units from all.
        joins: join costs; None: every join costs the same.
        max_contiguous: units of one recording in a row, at most; with 1 every unit is joined and the unit that
            followed in the recording is avoided.
    """

    def __init__(
        self,
        inventory: UnitInventory,
        one_voice: bool = True,
        joins: JoinCosts | None = None,
        max_contiguous: int = MAX_CONTIGUOUS_UNITS,
    ) -> None:
        self.inventory, self.one_voice, self.max_contiguous = inventory, one_voice, max_contiguous
        self._index = UnitIndex(inventory, one_voice)
        self._joins = joins
        minutes = inventory.minutes()
        self._share = minutes / minutes.sum()

    def draw_speaker(self, random: np.random.Generator) -> int | None:
        """Return a random speaker, weighted by minutes of speech; None where voices are mixed."""
        return int(random.choice(len(self._share), p=self._share)) if self.one_voice else None

    def render(
        self,
        symbols: np.ndarray,
        speaker: int | None,
        random: np.random.Generator,
        outer: tuple[int, int] = (SILENCE, SILENCE),
        allowed: np.ndarray | None = None,
    ) -> UnitSequence:
        """Return the units of a sequence of symbols; a symbol that the voice has no unit of is left out.

        Args:
            symbols: phones, short and long pauses.
            speaker: from `draw_speaker`.
            outer: the symbols before the first and after the last one.
            allowed: bool, units of the inventory that may be taken; None for all.
        """
        asked = np.asarray(symbols, dtype=np.int64)
        quiet = np.where(asked == self.inventory.long_pause, SILENCE, asked)
        context = np.concatenate([outer[:1], quiet, outer[1:]])
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
            unit, count = self._best(candidates, asked, context, place, chosen[-1] if chosen else None)
            chosen += range(unit, unit + count)
            places += range(place, place + count)
            place += count
        units, at = np.array(chosen, dtype=np.int64), np.array(places, dtype=np.int64)
        table = self.inventory.units
        matches = (table.before[units] == context[at]).astype(np.int64) + (table.after[units] == context[at + 2])
        return UnitSequence(units, matches, np.append(True, np.diff(units) != 1)[: len(units)])

    def _best(
        self, candidates: np.ndarray, asked: np.ndarray, context: np.ndarray, place: int, last: int | None
    ) -> tuple[int, int]:
        """Return the unit with the best score, and how many contiguous units to take from it on."""
        table = self.inventory.units
        lengths = np.ones(len(candidates), dtype=np.int64)
        continues = np.ones(len(candidates), dtype=bool)
        for ahead in range(1, min(self.max_contiguous, len(asked) - place)):
            following = np.minimum(candidates + ahead, len(table) - 1)
            continues &= table.usable[following] & (table.clip[following] == table.clip[candidates])
            continues &= table.symbol[following] == asked[place + ahead]
            lengths += continues
            if not continues.any():
                break
        ends_well = table.after[candidates + lengths - 1] == context[place + lengths + 1]
        scores = lengths + 0.5 * ends_well
        if last is not None:
            if self._joins is not None:
                scores = scores - UNITS_PER_NAT * self._joins.cost(int(table.end[last]), table.start[candidates])
            if self.max_contiguous == 1:
                scores = scores - IMPOSSIBLE * (candidates == last + 1)
        best = int(scores.argmax())
        return int(candidates[best]), int(lengths[best])
