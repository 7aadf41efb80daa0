"""Sentences spoken with recorded segments: for every phone one of the same neighbours, from one speaker.

Other than `train/text/unit_selection.py` it takes every phone by itself, so that two sentences that share phones can be
spoken with the same segments wherever phones and neighbours agree.
"""

from collections.abc import Sequence

import numpy as np

from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.text.unit_inventory import UnitIndex, UnitInventory

Memory = dict[tuple[int, int, int, int], int]  # phone, both neighbours, how many of them before: the segment taken


class Splicer:
    """Chooser of segments of an inventory for phones.

    Args:
        inventory: aligned segments of speakers.
        one_speaker: speak everything with the speaker of whom there is most; False draws one for each sentence.
    Raises:
        CorpusError: no usable segment of some phone in any voice.
    """

    def __init__(self, inventory: UnitInventory, one_speaker: bool) -> None:
        self.inventory = inventory
        self._own, self._all = UnitIndex(inventory, per_speaker=True), UnitIndex(inventory, per_speaker=False)
        self._found: dict[tuple[int, int, int, int], np.ndarray] = {}
        minutes = inventory.minutes()
        self._main = int(minutes.argmax()) if one_speaker else None
        self._share = minutes / minutes.sum()
        for symbol, name in enumerate(("pause", *inventory.phones)):
            if not len(self._all.all_of(symbol)):
                raise CorpusError(f"the corpus has no usable segment of {name}; align more speech of more speakers")

    @property
    def speaker_minutes(self) -> float:
        """Return the minutes of the one speaker, or of all."""
        minutes = self.inventory.minutes()
        return float(minutes.sum() if self._main is None else minutes[self._main])

    def draw_speaker(self, random: np.random.Generator) -> int:
        """Return the one speaker, or a random one, weighted by minutes of speech."""
        drawn = int(random.choice(len(self._share), p=self._share))
        return drawn if self._main is None else self._main

    def segments(
        self, phones: Sequence[int], speaker: int, random: np.random.Generator, memory: Memory | None = None
    ) -> np.ndarray:
        """Return a segment for every phone, int64 [N], numbers in the inventory.

        Args:
            phones: classes of the dictionary, SILENCE for a pause.
            memory: segments taken for another sentence of the same speaker, which are taken again where phone and
                neighbours agree; what is new is added.
        """
        taken: Memory = {} if memory is None else memory
        uses: dict[tuple[int, int, int], int] = {}
        padded = [SILENCE, *phones, SILENCE]
        chosen = []
        for before, phone, after in zip(padded, phones, padded[2:], strict=False):
            place = (phone, before, after) if phone != SILENCE else (SILENCE, SILENCE, SILENCE)
            number = uses.get(place, 0)
            uses[place] = number + 1
            key = (*place, number)
            if key not in taken:
                candidates = self._candidates(*place, speaker)
                taken[key] = int(candidates[random.integers(len(candidates))])
            chosen.append(taken[key])
        return np.array(chosen, dtype=np.int64)

    def _candidates(self, phone: int, before: int, after: int, speaker: int) -> np.ndarray:
        """Return the segments of a phone with the best matching neighbours, of the speaker where there is one."""
        key = (phone, before, after, speaker)
        if key not in self._found:
            if phone == SILENCE:
                own = self._own.all_of(SILENCE, speaker)
                self._found[key] = own if len(own) else self._all.all_of(SILENCE)
            else:
                own, _ = self._own.find(phone, before, after, speaker)
                self._found[key] = own if len(own) else self._all.find(phone, before, after)[0]
        return self._found[key]
