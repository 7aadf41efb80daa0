"""Lexical pairs to measure on: words and their twins, spoken with runs of held-out speakers, as a JSON-lines file.

Both sides of a pair are made alike: the same voice, no two runs in a row from one recording, no run out of an
occurrence of the word, as many neighbours of the runs as asked for, about as many frames; and phone bigrams favour the
word as often as the twin. `studies/lexical.py` reads the file; runs are [clip, first frame, end], so that it fits any
tokenizer and any posterior.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.config import MelConfig
from train.phones import Lexicon
from train.prepare import Clip, read_index
from train.text.alignment import Alignment
from train.text.joins import Joins
from train.text.render import Renderer, Rendering
from train.text.runs import Inventory
from train.text.segments import SILENCE
from train.text.words import Bigrams, Known, Twin, all_pronunciations, twins, word_counts

log = logging.getLogger(__name__)

MIN_COUNT = 100  # of a word in the prose, about 7 million words
TWINS, TRIES = 6, 6  # twins of a word and renderings of each side that are tried for a match
MAX_FRAME_DIFFERENCE = 0.1
PAUSE_FRAMES = (5, 30)
KNOWN_SECONDS = 30.0  # of a speaker in the train split, beyond which the voice is not held out
OCCURRENCES = 5  # of a word that are tried
CARRIER_FRAMES = (50, 150)  # 1 to 3 s of the speaker's own speech before the word

Stretch = tuple[str, int, int]  # clip, first frame, end


@dataclass(frozen=True)
class Pair:
    """One word and its twin, in one voice, after one pause or one piece of speech."""

    kind: str  # "alone" or "carried"
    word: str
    speaker: str
    phones: Sequence[str]
    twin_phones: Sequence[str]
    bigram_nats: float  # log P(word) - log P(twin) by phone bigrams
    before: list[Stretch]  # what is heard first and not scored
    word_runs: list[Stretch]
    twin_runs: list[Stretch]
    matched: int  # of two neighbours for each run, the same number on both sides


class PairMaker:
    """Speaks words and twins with the runs of speakers that no model was trained on."""

    def __init__(
        self, alignment: Alignment, clips: Sequence[Clip], split: str, lexicon: Lexicon, mel: np.ndarray
    ) -> None:
        self.inventory = Inventory.build(alignment, clips, split, well_known(clips))
        self.renderer = Renderer(self.inventory, one_voice=True, joins=Joins(self.inventory, mel), max_stretch=1)
        by_id = {clip.clip_id: clip for clip in clips}
        self.clips = [by_id[name] for name in self.inventory.clip_ids]
        self._symbol_of = {phone: number + 1 for number, phone in enumerate(self.inventory.phones)}
        self.word_of_run = self._words(lexicon)

    def _words(self, lexicon: Lexicon) -> np.ndarray:
        """The word that every run belongs to, str [N]; of a pause the one before it."""
        runs = self.inventory.runs
        spoken: list[str] = []
        for clip in self.clips:
            spoken += ["", *lexicon.words(clip.transcript)]
        return np.array(spoken)[runs.word]

    def pairs(self, choices: Sequence[list[Twin]], num_words: int, random: np.random.Generator) -> Iterator[Pair]:
        """For at most so many words each a pair alone, then for as many that the speakers say one in its place."""
        order = [choices[index] for index in random.permutation(len(choices))]
        balance = 0
        for found in tqdm(order[:num_words], desc="words alone", mininterval=5.0):
            for speaker in random.permutation(len(self.inventory.speakers)):
                if pair := self._alone(balanced(found, balance), int(speaker), random):
                    balance += 1 if pair.bigram_nats > 0 else -1
                    yield pair
                    break
        said = set(np.unique(self.word_of_run).tolist())
        balance = 0
        for found in tqdm([one for one in order if one[0].word in said][:num_words], desc="words carried"):
            for occurrence in self._occurrences(found[0].word, random):
                if pair := self._carried(balanced(found, balance), occurrence, random):
                    balance += 1 if pair.bigram_nats > 0 else -1
                    yield pair
                    break

    def _alone(self, found: list[Twin], speaker: int, random: np.random.Generator) -> Pair | None:
        runs = self.inventory.runs
        length = runs.end - runs.start
        quiet = (runs.symbol == SILENCE) & runs.usable & (runs.speaker == speaker)
        pauses = np.flatnonzero(quiet & (length >= PAUSE_FRAMES[0]) & (length <= PAUSE_FRAMES[1]))
        if not len(pauses):
            return None
        before = [self._stretch(int(random.choice(pauses)))]
        return self._matched("alone", found, speaker, (SILENCE, SILENCE), before, random)

    def _carried(self, found: list[Twin], first: int, random: np.random.Generator) -> Pair | None:
        runs = self.inventory.runs
        last = first + int(np.argmax(runs.word[first:] != runs.word[first])) - 1
        clip = self.clips[runs.clip[first]]
        end = int(runs.start[first]) - clip.frame_offset
        before: list[Stretch] = [(clip.clip_id, max(0, end - CARRIER_FRAMES[1]), end)]
        edges = int(runs.before[first]), int(runs.after[last])
        return self._matched("carried", found, int(runs.speaker[first]), edges, before, random)

    def _occurrences(self, word: str, random: np.random.Generator) -> list[int]:
        """First runs of occurrences of a word with enough speech before it in its clip."""
        runs = self.inventory.runs
        begins = np.flatnonzero((self.word_of_run == word) & (np.diff(runs.word, prepend=-1) != 0))
        offsets = np.array([clip.frame_offset for clip in self.clips])
        enough = [int(run) for run in begins if runs.start[run] - offsets[runs.clip[run]] >= CARRIER_FRAMES[0]]
        return [enough[index] for index in random.permutation(len(enough))[:OCCURRENCES]]

    def _matched(
        self,
        kind: str,
        found: list[Twin],
        speaker: int,
        edges: tuple[int, int],
        before: list[Stretch],
        random: np.random.Generator,
    ) -> Pair | None:
        """The first twin of which a rendering matches one of the word."""
        allowed = self.word_of_run != found[0].word
        words = self._renderings(found[0].phones, speaker, edges, allowed, random)
        for twin in found[:TWINS]:
            others = self._renderings(twin.twin, speaker, edges, allowed, random)
            best = min(
                ((self._difference(one, other), i, j) for i, one in enumerate(words) for j, other in enumerate(others)),
                default=(np.inf, 0, 0),
            )
            if best[0] <= MAX_FRAME_DIFFERENCE:
                word, other = words[best[1]], others[best[2]]
                runs, twin_runs = ([self._stretch(int(run)) for run in side.runs] for side in (word, other))
                return Pair(
                    kind, twin.word, self.inventory.speakers[speaker], twin.phones, twin.twin, round(twin.nats, 3),
                    before, runs, twin_runs, int(word.levels.sum()),
                )  # fmt: skip
        return None

    def _renderings(
        self,
        phones: Sequence[str],
        speaker: int,
        edges: tuple[int, int],
        allowed: np.ndarray,
        random: np.random.Generator,
    ) -> list[Rendering]:
        """Complete ones, every run joined."""
        symbols = np.array([self._symbol_of[phone] for phone in phones])
        made = [self.renderer.render(symbols, speaker, random, edges, allowed) for _ in range(TRIES)]
        return [one for one in made if len(one.runs) == len(symbols) and one.joins.all()]

    def _difference(self, one: Rendering, other: Rendering) -> float:
        """Of the lengths, as a share; infinite where the runs do not fit their places equally well."""
        if one.levels.sum() != other.levels.sum():
            return float("inf")
        lengths = [len(self.renderer.frames(side.runs)) for side in (one, other)]
        return abs(lengths[0] - lengths[1]) / max(lengths)

    def _stretch(self, run: int) -> Stretch:
        runs = self.inventory.runs
        clip = self.clips[runs.clip[run]]
        return clip.clip_id, int(runs.start[run] - clip.frame_offset), int(runs.end[run] - clip.frame_offset)


def balanced(found: list[Twin], balance: int) -> list[Twin]:
    """Twins that pull the balance of words and twins that phone bigrams favour back to zero, the others after them."""
    return sorted(found, key=lambda twin: (twin.nats > 0) == (balance > 0))


def well_known(clips: Sequence[Clip], frame_rate_hz: float = 50.0) -> frozenset[str]:
    """Speakers of whom more than a sentence or two is trained on."""
    frames: Counter[str] = Counter()
    for clip in clips:
        if clip.split == "train":
            frames[clip.speaker] += clip.num_frames
    return frozenset(speaker for speaker, count in frames.items() if count > KNOWN_SECONDS * frame_rate_hz)


def choose_words(text: Path, lexicon_folder: Path, min_count: int = MIN_COUNT) -> list[list[Twin]]:
    """Twins of every word that is common in the prose, best matched first."""
    lexicon = Lexicon(lexicon_folder)
    counts = word_counts(text, lexicon)
    phones = {word: lexicon.phones(word) or () for word in counts}
    bigrams = Bigrams((phones[word], count) for word, count in counts.items())
    known = Known(all_pronunciations(lexicon_folder))
    common = sorted(word for word, count in counts.items() if count >= min_count)
    return [found for word in common if (found := twins(word, phones[word], known, bigrams))]


def make_pairs(
    segments: Path,
    prepared: Path,
    text: Path,
    lexicon_folder: Path,
    out: Path,
    split: str = "dev",
    num_words: int = 1000,
    seed: int = 0,
) -> Path:
    """Write the pairs of a split's speakers who are not in the train split.

    Args:
        segments: alignment of the prepared clips.
        out: the file, one JSON object a line.
        num_words: of each kind at most, drawn at random from the common ones; each is spoken once.
    """
    choices = choose_words(text, lexicon_folder)
    random = np.random.default_rng(seed)
    clips = read_index(prepared)
    mel = np.memmap(prepared / "mel.f16", dtype=np.float16, mode="r").reshape(-1, MelConfig().num_mels)
    maker = PairMaker(Alignment.read(segments), clips, split, Lexicon(lexicon_folder), mel)
    pairs = list(maker.pairs(choices, num_words, random))
    kinds = Counter(pair.kind for pair in pairs)
    log.info("%d pairs of %d words: %s", len(pairs), len({pair.word for pair in pairs}), dict(kinds))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(asdict(pair)) + "\n" for pair in pairs), encoding="utf-8")
    return out
