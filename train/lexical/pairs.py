"""Lexical pairs to measure on: words and their twins, spoken with runs of held-out speakers, as a JSON-lines file.

The twin is spoken with the very runs of the word in another order, so that both sides have the same frames and only
their order tells. No run is out of an occurrence of the word and no two in a row are from one recording; the runs have
as many of their own neighbours on both sides, the joins cost about the same, and phone bigrams favour the word as often
as the twin. A word is spoken several times, in different voices where there are some. `studies/lexical/scoring.py`
reads the file; runs are [clip, first frame, end], so that it fits any tokenizer and any posterior.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from undertone.engine.lexical_pair import FrameSpan, LexicalPair, PairKind
from undertone.train.alignment.ctc import CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import SILENCE
from undertone.train.data.prepare import Clip
from undertone.train.lexical.pseudowords import Nonword
from undertone.train.text.join_costs import JoinCosts
from undertone.train.text.phone_runs import UnitIndex, UnitInventory

TWINS, TRIES = 6, 24  # twins of a word and choices of runs that are tried for a match
SPOKEN = 4  # times that a word is spoken alone, and after the speaker's own speech
WORSE = 0.25  # how often a run has one neighbour fewer than the best has: else an odd number never splits in two
PAUSE_FRAMES = (5, 30)
KNOWN_SECONDS = 30.0  # of a speaker in the train split, beyond which the voice is not held out
OCCURRENCES = 12  # of a word that are tried
CARRIER_FRAMES = (50, 150)  # 1 to 3 s of the speaker's own speech before the word


class PairMaker:
    """Speaks words and twins with the runs of speakers that no model was trained on."""

    def __init__(
        self, alignment: CorpusAlignment, clips: Sequence[Clip], split: str, lexicon: Lexicon, mel: np.ndarray
    ) -> None:
        self.inventory = UnitInventory.build(alignment, clips, split, well_known(clips))
        self._index = UnitIndex(self.inventory, per_speaker=True)
        self._joins = JoinCosts(self.inventory, mel)
        by_id = {clip.clip_id: clip for clip in clips}
        self.clips = [by_id[name] for name in self.inventory.clip_ids]
        self._symbol_of = {phone: number + 1 for number, phone in enumerate(self.inventory.phones)}
        self.word_of_run = self._words(lexicon)

    def _words(self, lexicon: Lexicon) -> np.ndarray:
        """Return the word that every run belongs to, str [N]; of a pause the one before it."""
        runs = self.inventory.runs
        spoken: list[str] = []
        for clip in self.clips:
            spoken += ["", *lexicon.words(clip.transcript)]
        return np.array(spoken)[runs.word]

    def pairs(
        self, choices: Sequence[list[Nonword]], num_words: int, random: np.random.Generator
    ) -> Iterator[LexicalPair]:
        """Yield at most so many words alone, then as many in place of a word that the speakers said."""
        order = [choices[index] for index in random.permutation(len(choices))]
        said = set(np.unique(self.word_of_run).tolist())
        places: dict[PairKind, Callable[[str], list[_Place]]] = {
            "alone": lambda word: self._pauses(random),
            "carried": lambda word: self._occurrences(word, random) if word in said else [],
        }
        for kind, places_of in places.items():
            balance = words = 0
            for found in tqdm(order, desc=f"words {kind}", mininterval=5.0):
                where = places_of(found[0].word)
                for twin in balanced(found, balance)[:TWINS]:
                    spoken = [pair for place in where if (pair := self._spoken(kind, twin, place, random))][:SPOKEN]
                    if spoken:
                        yield from spoken
                        balance, words = balance + (1 if twin.nats > 0 else -1), words + 1
                        break
                if words >= num_words:
                    break

    def _pauses(self, random: np.random.Generator) -> list["_Place"]:
        """Yield a pause of every voice, and again until there are enough."""
        runs = self.inventory.runs
        length = runs.end - runs.start
        quiet = (runs.symbol == SILENCE) & runs.usable & (length >= PAUSE_FRAMES[0]) & (length <= PAUSE_FRAMES[1])
        places = []
        for speaker in random.permutation(len(self.inventory.speakers)).tolist() * SPOKEN:
            pauses = np.flatnonzero(quiet & (runs.speaker == speaker))
            if len(pauses):
                places.append(_Place(speaker, [self._span(int(random.choice(pauses)))], (SILENCE, SILENCE)))
        return places[: 2 * SPOKEN]

    def _occurrences(self, word: str, random: np.random.Generator) -> list["_Place"]:
        """Return where the word is said with enough speech before it in its clip."""
        runs = self.inventory.runs
        begins = np.flatnonzero((self.word_of_run == word) & (np.diff(runs.word, prepend=-1) != 0))
        places = []
        for first in random.permutation(begins)[:OCCURRENCES].tolist():
            clip = self.clips[runs.clip[first]]
            end = int(runs.start[first]) - clip.frame_offset
            if end < CARRIER_FRAMES[0]:
                continue
            last = first + int(np.argmax(np.append(runs.word[first:] != runs.word[first], True))) - 1
            before: list[FrameSpan] = [(clip.clip_id, max(0, end - CARRIER_FRAMES[1]), end)]
            edges = int(runs.before[first]), int(runs.after[last])
            places.append(_Place(int(runs.speaker[first]), before, edges))
        return places

    def _spoken(
        self, kind: PairKind, twin: Nonword, place: "_Place", random: np.random.Generator
    ) -> LexicalPair | None:
        """Return the best of TRIES choices of runs whose neighbours fit both orders equally well, or None."""
        order = order_of(twin)
        allowed = self.word_of_run != twin.word
        runs = self.inventory.runs
        best: tuple[float, np.ndarray, int] | None = None
        for _ in range(TRIES):
            chosen = self._choose(twin, order, place, allowed, random)
            if chosen is None:
                return None
            sides = chosen, chosen[order]
            fits = [self._fit(side, phones, place.edges) for side, phones in zip(sides, twin.both, strict=True)]
            if fits[0] != fits[1] or any((np.diff(side) == 1).any() for side in sides):
                continue
            costs = [
                sum(
                    float(self._joins.cost(int(runs.end[one]), runs.start[[other]])[0])
                    for one, other in pairwise(side.tolist())
                )
                for side in sides
            ]
            worth = abs(costs[0] - costs[1]) + 0.1 * sum(costs)
            if best is None or worth < best[0]:
                best = worth, chosen, fits[0]
        if best is None:
            return None
        _, chosen, matched = best
        word_runs = [self._span(int(run)) for run in chosen]
        return LexicalPair(
            kind=kind,
            word=twin.word,
            speaker=self.inventory.speakers[place.speaker],
            phones=tuple(twin.phones),
            nonword_phones=tuple(twin.twin),
            bigram_nats=round(twin.nats, 3),
            before=tuple(place.before),
            word_runs=tuple(word_runs),
            nonword_runs=tuple(word_runs[index] for index in order),
            matched=matched,
        )

    def _choose(
        self, twin: Nonword, order: np.ndarray, place: "_Place", allowed: np.ndarray, random: np.random.Generator
    ) -> np.ndarray | None:
        """Choose a run for every phone of the word, likely one whose neighbours fit in both orders."""
        runs = self.inventory.runs
        contexts = [self._contexts(phones, place.edges) for phones in twin.both]
        of_twin = np.argsort(order)  # where each phone of the word stands in the twin
        chosen = []
        for index, phone in enumerate(twin.phones):
            candidates = self._index.all_of(self._symbol_of[phone], place.speaker)
            candidates = candidates[allowed[candidates]]
            if not len(candidates):
                return None
            fit = np.zeros(len(candidates))
            for (before, after), at in zip(contexts, (index, int(of_twin[index])), strict=True):
                fit += (runs.before[candidates] == before[at]).astype(float) + (runs.after[candidates] == after[at])
            worse = np.flatnonzero(fit == fit.max() - 1) if random.random() < WORSE else fit[:0]
            chosen.append(int(random.choice(candidates[worse if len(worse) else fit == fit.max()])))
        return np.array(chosen)

    def _contexts(self, phones: Sequence[str], edges: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Symbols before and after every phone."""
        symbols = [self._symbol_of[phone] for phone in phones]
        return np.array([edges[0], *symbols[:-1]]), np.array([*symbols[1:], edges[1]])

    def _fit(self, chosen: np.ndarray, phones: Sequence[str], edges: tuple[int, int]) -> int:
        """Neighbours of the runs that are as their places ask."""
        before, after = self._contexts(phones, edges)
        runs = self.inventory.runs
        return int((runs.before[chosen] == before).sum() + (runs.after[chosen] == after).sum())

    def _span(self, run: int) -> FrameSpan:
        runs = self.inventory.runs
        clip = self.clips[runs.clip[run]]
        return clip.clip_id, int(runs.start[run] - clip.frame_offset), int(runs.end[run] - clip.frame_offset)


@dataclass(frozen=True)
class _Place:
    """Where a word is spoken."""

    speaker: int
    before: list[FrameSpan]
    edges: tuple[int, int]  # symbols on both sides


def order_of(twin: Nonword) -> np.ndarray:
    """Return which phone of the word stands at each place of the nonword; a phone that both have at one place stays."""
    left = [index for index, (one, other) in enumerate(zip(*twin.both, strict=True)) if one != other]
    order = np.arange(len(twin.phones))
    for index in [index for index, (one, other) in enumerate(zip(*twin.both, strict=True)) if one != other]:
        order[index] = next(place for place in left if twin.phones[place] == twin.twin[index])
        left.remove(int(order[index]))
    return order


def balanced(found: list[Nonword], balance: int) -> list[Nonword]:
    """Twins that pull the balance of words and twins that phone bigrams favour back to zero, the others after them."""
    return sorted(found, key=lambda twin: (twin.nats > 0) == (balance > 0))


def well_known(clips: Sequence[Clip], frame_rate_hz: float = 50.0) -> frozenset[str]:
    """Speakers of whom more than a sentence or two is trained on."""
    frames: Counter[str] = Counter()
    for clip in clips:
        if clip.split == "train":
            frames[clip.speaker] += clip.num_frames
    return frozenset(speaker for speaker, count in frames.items() if count > KNOWN_SECONDS * frame_rate_hz)
