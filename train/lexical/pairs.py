"""Lexical pairs to measure on: a word and a nonword of the same phones, spoken with units of held-out speakers.

The nonword is spoken with the units of the word in another order, so that both sides have the same frames and only
their order differs. No unit is taken from an occurrence of the word, and no two in a row are from one recording. On
both sides equally many units have the neighbours that they had in their recordings, join costs are about the same, and
phone bigrams favour the word as often as the nonword. A word is spoken several times, in different voices where there
are some. The studies read the file (`studies/lexical`); units are [clip, first frame, end], so that it fits any
tokenizer and any posterior.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from undertone.engine.config import FRAME_RATE_HZ
from undertone.engine.lexical_pair import FrameSpan, LexicalPair, PairKind
from undertone.train.alignment.ctc import CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import SILENCE
from undertone.train.data.flat_files import Clip
from undertone.train.lexical.pseudowords import NonwordPair
from undertone.train.text.join_costs import JoinCosts
from undertone.train.text.unit_inventory import UnitIndex, UnitInventory

MAX_NONWORDS, NUM_TRIES = 6, 24  # nonwords of a word, and draws of units for each, that are tried
RENDITIONS = 4  # times that a word is spoken alone, and after the speaker's own speech
# Probability of a unit with one matching neighbour fewer than the best: an odd number of matches never splits in two.
FEWER_MATCHES_PROBABILITY = 0.25
PAUSE_FRAMES = (5, 30)
MAX_TRAINED_SECONDS = 30.0  # of a speaker in the train split, beyond which the voice is not held out
MAX_OCCURRENCES = 12  # of a word that are tried
CARRIER_FRAMES = (50, 150)  # 1 to 3 s of the speaker's own speech before the word


class PairMaker:
    """Maker of pairs from the units of speakers that no model was trained on."""

    def __init__(
        self, alignment: CorpusAlignment, clips: Sequence[Clip], split: str, lexicon: Lexicon, mel: np.ndarray
    ) -> None:
        self.inventory = UnitInventory.build(alignment, clips, split, trained_speakers(clips))
        self._index = UnitIndex(self.inventory, per_speaker=True)
        self._joins = JoinCosts(self.inventory, mel)
        by_id = {clip.clip_id: clip for clip in clips}
        self.clips = [by_id[name] for name in self.inventory.clip_ids]
        self._symbol_of = {phone: number + 1 for number, phone in enumerate(self.inventory.phones)}
        self.word_of_unit = self._words(lexicon)

    def _words(self, lexicon: Lexicon) -> np.ndarray:
        """Return the word that every unit belongs to, str [N]; for a pause the word before it."""
        units = self.inventory.units
        spoken: list[str] = []
        for clip in self.clips:
            spoken += ["", *lexicon.words(clip.transcript)]
        return np.array(spoken)[units.word]

    def pairs(
        self, choices: Sequence[list[NonwordPair]], num_words: int, random: np.random.Generator
    ) -> Iterator[LexicalPair]:
        """Yield pairs of at most `num_words` words after a pause, then of as many in place of a spoken word."""
        order = [choices[index] for index in random.permutation(len(choices))]
        said = set(np.unique(self.word_of_unit).tolist())
        places: dict[PairKind, Callable[[str], list[_Placement]]] = {
            "alone": lambda word: self._find_pauses(random),
            "carried": lambda word: self._find_occurrences(word, random) if word in said else [],
        }
        for kind, places_of in places.items():
            balance = words = 0
            for found in tqdm(order, desc=f"words {kind}", mininterval=5.0):
                where = places_of(found[0].word)
                for pair in sort_by_balance(found, balance)[:MAX_NONWORDS]:
                    made = (self._select(kind, pair, place, random) for place in where)
                    spoken = [each for each in made if each][:RENDITIONS]
                    if spoken:
                        yield from spoken
                        balance, words = balance + (1 if pair.log_ratio > 0 else -1), words + 1
                        break
                if words >= num_words:
                    break

    def _find_pauses(self, random: np.random.Generator) -> list["_Placement"]:
        """Return pauses to speak after, of every voice in turn."""
        units = self.inventory.units
        length = units.end - units.start
        quiet = (units.symbol == SILENCE) & units.usable & (length >= PAUSE_FRAMES[0]) & (length <= PAUSE_FRAMES[1])
        places = []
        for speaker in random.permutation(len(self.inventory.speakers)).tolist() * RENDITIONS:
            pauses = np.flatnonzero(quiet & (units.speaker == speaker))
            if len(pauses):
                places.append(_Placement(speaker, [self._span(int(random.choice(pauses)))], (SILENCE, SILENCE)))
        return places[: 2 * RENDITIONS]

    def _find_occurrences(self, word: str, random: np.random.Generator) -> list["_Placement"]:
        """Return the occurrences of a word with enough speech before them in their clips."""
        units = self.inventory.units
        begins = np.flatnonzero((self.word_of_unit == word) & (np.diff(units.word, prepend=-1) != 0))
        places = []
        for first in random.permutation(begins)[:MAX_OCCURRENCES].tolist():
            clip = self.clips[units.clip[first]]
            end = int(units.start[first]) - clip.frame_offset
            if end < CARRIER_FRAMES[0]:
                continue
            last = first + int(np.argmax(np.append(units.word[first:] != units.word[first], True))) - 1
            before: list[FrameSpan] = [(clip.clip_id, max(0, end - CARRIER_FRAMES[1]), end)]
            neighbours = int(units.before[first]), int(units.after[last])
            places.append(_Placement(int(units.speaker[first]), before, neighbours))
        return places

    def _select(
        self, kind: PairKind, pair: NonwordPair, place: "_Placement", random: np.random.Generator
    ) -> LexicalPair | None:
        """Return the cheapest of NUM_TRIES draws whose neighbours match equally often in both orders, or None."""
        order = unit_order(pair)
        allowed = self.word_of_unit != pair.word
        units = self.inventory.units
        best: tuple[float, np.ndarray, int] | None = None
        for _ in range(NUM_TRIES):
            chosen = self._draw_units(pair, order, place, allowed, random)
            if chosen is None:
                return None
            sides = chosen, chosen[order]
            matches = [
                self._count_matches(side, phones, place.neighbours)
                for side, phones in zip(sides, pair.sequences, strict=True)
            ]
            if matches[0] != matches[1] or any((np.diff(side) == 1).any() for side in sides):
                continue
            costs = [
                sum(
                    float(self._joins.cost(int(units.end[one]), units.start[[other]])[0])
                    for one, other in pairwise(side.tolist())
                )
                for side in sides
            ]
            cost = abs(costs[0] - costs[1]) + 0.1 * sum(costs)
            if best is None or cost < best[0]:
                best = cost, chosen, matches[0]
        if best is None:
            return None
        _, chosen, num_matches = best
        word_units = [self._span(int(unit)) for unit in chosen]
        return LexicalPair(
            kind=kind,
            word=pair.word,
            speaker=self.inventory.speakers[place.speaker],
            phones=tuple(pair.phones),
            nonword_phones=tuple(pair.nonword),
            bigram_nats=round(pair.log_ratio, 3),
            before=tuple(place.before),
            word_units=tuple(word_units),
            nonword_units=tuple(word_units[index] for index in order),
            num_matches=num_matches,
        )

    def _draw_units(
        self,
        pair: NonwordPair,
        order: np.ndarray,
        place: "_Placement",
        allowed: np.ndarray,
        random: np.random.Generator,
    ) -> np.ndarray | None:
        """Draw a unit for every phone of the word, likely one whose neighbours match in both orders."""
        units = self.inventory.units
        contexts = [self._contexts(phones, place.neighbours) for phones in pair.sequences]
        of_nonword = np.argsort(order)  # where each phone of the word stands in the nonword
        chosen = []
        for index, phone in enumerate(pair.phones):
            candidates = self._index.all_of(self._symbol_of[phone], place.speaker)
            candidates = candidates[allowed[candidates]]
            if not len(candidates):
                return None
            matching = np.zeros(len(candidates))
            for (before, after), at in zip(contexts, (index, int(of_nonword[index])), strict=True):
                matching += (units.before[candidates] == before[at]).astype(float)
                matching += units.after[candidates] == after[at]
            fewer = random.random() < FEWER_MATCHES_PROBABILITY
            worse = np.flatnonzero(matching == matching.max() - 1) if fewer else matching[:0]
            chosen.append(int(random.choice(candidates[worse if len(worse) else matching == matching.max()])))
        return np.array(chosen)

    def _contexts(self, phones: Sequence[str], neighbours: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the symbols before and after every phone."""
        symbols = [self._symbol_of[phone] for phone in phones]
        return np.array([neighbours[0], *symbols[:-1]]), np.array([*symbols[1:], neighbours[1]])

    def _count_matches(self, chosen: np.ndarray, phones: Sequence[str], neighbours: tuple[int, int]) -> int:
        """Return how many neighbours of the units are those of their places in the sequence."""
        before, after = self._contexts(phones, neighbours)
        units = self.inventory.units
        return int((units.before[chosen] == before).sum() + (units.after[chosen] == after).sum())

    def _span(self, unit: int) -> FrameSpan:
        units = self.inventory.units
        clip = self.clips[units.clip[unit]]
        return clip.clip_id, int(units.start[unit] - clip.frame_offset), int(units.end[unit] - clip.frame_offset)


@dataclass(frozen=True)
class _Placement:
    """A place to speak a word at: voice, context before it, neighbouring symbols."""

    speaker: int
    before: list[FrameSpan]
    neighbours: tuple[int, int]  # symbols before and after the word


def unit_order(pair: NonwordPair) -> np.ndarray:
    """Return the place in the word of each phone of the nonword; a phone that both have at one place stays."""
    left = [index for index, (one, other) in enumerate(zip(*pair.sequences, strict=True)) if one != other]
    order = np.arange(len(pair.phones))
    for index in [index for index, (one, other) in enumerate(zip(*pair.sequences, strict=True)) if one != other]:
        order[index] = next(place for place in left if pair.phones[place] == pair.nonword[index])
        left.remove(int(order[index]))
    return order


def sort_by_balance(found: list[NonwordPair], balance: int) -> list[NonwordPair]:
    """Return the pairs sorted so that those come first which bring the balance of favoured words and nonwords to 0."""
    return sorted(found, key=lambda pair: (pair.log_ratio > 0) == (balance > 0))


def trained_speakers(clips: Sequence[Clip], frame_rate_hz: float = FRAME_RATE_HZ) -> frozenset[str]:
    """Return the speakers with more than MAX_TRAINED_SECONDS of speech in the train split."""
    frames: Counter[str] = Counter()
    for clip in clips:
        if clip.split == "train":
            frames[clip.speaker] += clip.num_frames
    return frozenset(speaker for speaker, count in frames.items() if count > MAX_TRAINED_SECONDS * frame_rate_hz)
