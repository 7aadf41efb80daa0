"""Do rendered units look like spoken ones? Lengths and contexts of runs, and cross-entropies of units. V units."""

from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from undertone.train.data.unit_ids import MISSING
from undertone.train.text.mixed_windows import SpeechFrames, TextFrames
from undertone.train.text.phone_runs import BOTH, HALF, NONE, UnitInventory

STRENGTHS = (5.0, 50.0, 500.0)  # pseudo-counts of the next shorter context, chosen on half of what is measured


def inventory_facts(inventory: UnitInventory) -> dict[str, float]:
    """Return how many runs there are, how long they are, and in how many contexts."""
    runs = inventory.runs
    spoken = runs.usable & (runs.symbol > 0) & (runs.symbol <= len(inventory.phones))
    lengths = (runs.end - runs.start)[spoken]
    vowels = np.array([phone[0] in "AEIOU" for phone in inventory.phones])[runs.symbol[spoken] - 1]
    contexts = np.stack([runs.before, runs.symbol, runs.after], axis=1)[spoken]
    kinds, counts = np.unique(contexts, axis=0, return_counts=True)
    return {
        "runs": int(spoken.sum()),
        "hours": float(lengths.sum() / 180_000),
        "mean_frames": float(lengths.mean()),
        "median_frames": float(np.median(lengths)),
        "mean_frames_of_vowels": float(lengths[vowels].mean()),
        "mean_frames_of_consonants": float(lengths[~vowels].mean()),
        "contexts": len(kinds),
        "contexts_spoken_five_times": int((counts >= 5).sum()),
        "phones_in_both_neighbours": len(np.unique(contexts[:, :2], axis=0)),
    }


def coverage(text: TextFrames, num_utterances: int, seed: int = 0) -> dict[str, float]:
    """Return how well runs fit their places in rendered prose, and how often a recording goes on."""
    levels, joins, frames, asked = [], [], 0, 0
    for number in range(num_utterances):
        random = np.random.default_rng((seed, number))
        speaker = text.renderer.draw_speaker(random)
        symbols = np.concatenate(text.symbols(random, 500))
        found = text.renderer.render(symbols, speaker, random)
        levels.append(found.levels)
        joins.append(found.joins)
        frames += len(text.renderer.inventory.runs.frames(found.runs))
        asked += len(symbols)
    level, join = np.concatenate(levels), np.concatenate(joins)
    return {
        "both_neighbours": float((level == BOTH).mean()),
        "one_neighbour": float((level == HALF).mean()),
        "no_neighbour": float((level == NONE).mean()),
        "runs_per_join": float(1 / join.mean()),
        "frames_per_join": float(frames / join.sum()),
        "left_out": float(1 - len(level) / asked),
    }


def utterances(source: SpeechFrames | TextFrames, tokens: np.ndarray, frames: int, seed: int) -> list[np.ndarray]:
    """Units of utterances until there are so many frames."""
    found: list[np.ndarray] = []
    total = 0
    for number in tqdm(range(frames), desc="utterances", mininterval=5.0, leave=False):
        found.append(tokens[source.utterance(np.random.default_rng((seed, number)))].astype(np.int64))
        total += len(found[-1])
        if total >= frames:
            break
    return found


def text_report(
    speech: SpeechFrames, dev: SpeechFrames, text: TextFrames, tokens: np.ndarray, frames: int
) -> dict[str, float]:
    """Measure everything at once, cross-entropies by trigram, of models that have seen `frames` frames.

    Args:
        speech: of the train split.
        dev: of the dev split.
        text: rendered prose.
        tokens: units of the flat files.
    """
    num_units = int(tokens[tokens < MISSING].max()) + 1
    real, rendered = (utterances(source, tokens, frames, 1) for source in (speech, text))
    held_out = [tokens[clip.frame_offset : clip.frame_offset + clip.num_frames].astype(np.int64) for clip in dev.clips]
    other = utterances(text, tokens, frames // 3, 2)
    by_speech, by_text = UnitModel(real, num_units), UnitModel(rendered, num_units)
    return (
        inventory_facts(text.renderer.inventory)
        | coverage(text, 60)
        | {
            "dev_under_speech": by_speech.cross_entropy(held_out, 3),
            "dev_under_rendered": by_text.cross_entropy(held_out, 3),
            "rendered_under_speech": by_speech.cross_entropy(other, 3),
            "rendered_under_rendered": by_text.cross_entropy(other, 3),
        }
    )


class UnitModel:
    """Interpolated n-grams of units, n from 1 to `longest`."""

    def __init__(self, spoken: list[np.ndarray], num_units: int, longest: int = 3) -> None:
        self.num_units, self.longest = num_units, longest
        self._counts = [
            np.unique(np.concatenate([self._keys(units, order) for units in spoken]), return_counts=True)
            for order in range(1, longest + 1)
        ]
        self._contexts = [_of_contexts(counts, num_units) for counts in self._counts]

    def nats(self, units: np.ndarray, order: int, strength: float) -> np.ndarray:
        """Return -log P of every unit but the first longest - 1 ones."""
        chance = np.full(max(len(units) - self.longest + 1, 0), 1 / self.num_units)
        for length in range(1, order + 1):
            keys = self._keys(units, length)
            seen = _lookup(self._counts[length - 1], keys)
            of_context = _lookup(self._contexts[length - 1], keys // self.num_units)
            chance = (seen + strength * chance) / (of_context + strength)
        return np.asarray(-np.log(chance))

    def _keys(self, units: np.ndarray, length: int) -> np.ndarray:
        """Return a number for the `length` units that end at each place that is scored; the last unit counts least."""
        scored = max(len(units) - self.longest + 1, 0)
        keys = np.zeros(scored, dtype=np.int64)
        for offset in range(self.longest - length, self.longest):
            keys = keys * self.num_units + units[offset : scored + offset]
        return keys

    def cross_entropy(self, spoken: list[np.ndarray], order: int) -> float:
        """Nats a frame; the strength of smoothing is the best one on every second utterance."""
        strength = min(STRENGTHS, key=lambda value: _mean(self.nats(units, order, value) for units in spoken[::2]))
        return _mean(self.nats(units, order, strength) for units in spoken[1::2])


def _mean(parts: Iterator[np.ndarray]) -> float:
    return float(np.concatenate(list(parts)).mean())


Counts = tuple[np.ndarray, np.ndarray]  # sorted keys, and how often each


def _of_contexts(counts: Counts, base: int) -> Counts:
    keys, first = np.unique(counts[0] // base, return_index=True)
    return keys, np.add.reduceat(counts[1], first)


def _lookup(counts: Counts, keys: np.ndarray) -> np.ndarray:
    place = np.minimum(np.searchsorted(counts[0], keys), len(counts[0]) - 1)
    return np.where(counts[0][place] == keys, counts[1][place], 0).astype(np.float64)
