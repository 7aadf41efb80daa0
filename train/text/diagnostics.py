"""Measures of rendered prose against speech: lengths and contexts of units, cross-entropies of tokens. V tokens."""

from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from undertone.train.data.unit_ids import MISSING
from undertone.train.text.mixed_windows import SpeechFrames, TextFrames
from undertone.train.text.unit_inventory import BOTH, HALF, NONE, UnitInventory

SMOOTHING_COUNTS = (5.0, 50.0, 500.0)  # pseudo-counts of the next shorter context, chosen on half of what is measured


def measure_inventory(inventory: UnitInventory) -> dict[str, float]:
    """Return how many units there are, how long they are, and in how many contexts."""
    units = inventory.units
    is_phone = units.usable & (units.symbol > 0) & (units.symbol <= len(inventory.phones))
    lengths = (units.end - units.start)[is_phone]
    vowels = np.array([phone[0] in "AEIOU" for phone in inventory.phones])[units.symbol[is_phone] - 1]
    contexts = np.stack([units.before, units.symbol, units.after], axis=1)[is_phone]
    kinds, counts = np.unique(contexts, axis=0, return_counts=True)
    return {
        "runs": int(is_phone.sum()),
        "hours": float(lengths.sum() / 180_000),
        "mean_frames": float(lengths.mean()),
        "median_frames": float(np.median(lengths)),
        "mean_frames_of_vowels": float(lengths[vowels].mean()),
        "mean_frames_of_consonants": float(lengths[~vowels].mean()),
        "contexts": len(kinds),
        "contexts_spoken_five_times": int((counts >= 5).sum()),
        "phones_in_both_neighbours": len(np.unique(contexts[:, :2], axis=0)),
    }


def context_match_rates(text: TextFrames, num_utterances: int, seed: int = 0) -> dict[str, float]:
    """Return how well the context of selected units matches in rendered prose, and the share of joins."""
    matches, joins, frames, asked = [], [], 0, 0
    for number in range(num_utterances):
        random = np.random.default_rng((seed, number))
        speaker = text.renderer.draw_speaker(random)
        symbols = np.concatenate(text.symbols(random, 500))
        found = text.renderer.render(symbols, speaker, random)
        matches.append(found.matches)
        joins.append(found.joins)
        frames += len(text.renderer.inventory.units.frames(found.units))
        asked += len(symbols)
    level, join = np.concatenate(matches), np.concatenate(joins)
    return {
        "both_neighbours": float((level == BOTH).mean()),
        "one_neighbour": float((level == HALF).mean()),
        "no_neighbour": float((level == NONE).mean()),
        "runs_per_join": float(1 / join.mean()),
        "frames_per_join": float(frames / join.sum()),
        "left_out": float(1 - len(level) / asked),
    }


def draw_utterances(source: SpeechFrames | TextFrames, tokens: np.ndarray, frames: int, seed: int) -> list[np.ndarray]:
    """Return the tokens of random utterances, int64 [T] each, until there are so many frames."""
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
    """Return all measures; cross-entropies are of trigram models estimated on `frames` frames.

    Args:
        speech: of the train split.
        dev: of the dev split.
        text: rendered prose.
        tokens: tokens of the flat files.
    """
    num_tokens = int(tokens[tokens < MISSING].max()) + 1
    real, rendered = (draw_utterances(source, tokens, frames, 1) for source in (speech, text))
    held_out = [tokens[clip.frame_offset : clip.frame_offset + clip.num_frames].astype(np.int64) for clip in dev.clips]
    other = draw_utterances(text, tokens, frames // 3, 2)
    by_speech, by_text = TokenModel(real, num_tokens), TokenModel(rendered, num_tokens)
    return (
        measure_inventory(text.renderer.inventory)
        | context_match_rates(text, 60)
        | {
            "dev_under_speech": by_speech.cross_entropy(held_out, 3),
            "dev_under_rendered": by_text.cross_entropy(held_out, 3),
            "rendered_under_speech": by_speech.cross_entropy(other, 3),
            "rendered_under_rendered": by_text.cross_entropy(other, 3),
        }
    )


class TokenModel:
    """Interpolated n-gram model of tokens, n from 1 to `longest`."""

    def __init__(self, utterances: list[np.ndarray], num_tokens: int, longest: int = 3) -> None:
        self.num_tokens, self.longest = num_tokens, longest
        self._counts = [
            np.unique(np.concatenate([self._keys(tokens, order) for tokens in utterances]), return_counts=True)
            for order in range(1, longest + 1)
        ]
        self._contexts = [_of_contexts(counts, num_tokens) for counts in self._counts]

    def nats(self, tokens: np.ndarray, order: int, strength: float) -> np.ndarray:
        """Return -log P of every token but the first longest - 1 ones."""
        chance = np.full(max(len(tokens) - self.longest + 1, 0), 1 / self.num_tokens)
        for length in range(1, order + 1):
            keys = self._keys(tokens, length)
            seen = _lookup(self._counts[length - 1], keys)
            of_context = _lookup(self._contexts[length - 1], keys // self.num_tokens)
            chance = (seen + strength * chance) / (of_context + strength)
        return np.asarray(-np.log(chance))

    def _keys(self, tokens: np.ndarray, length: int) -> np.ndarray:
        """Return a number for the `length` tokens that end at each scored place; the last token counts least."""
        scored = max(len(tokens) - self.longest + 1, 0)
        keys = np.zeros(scored, dtype=np.int64)
        for offset in range(self.longest - length, self.longest):
            keys = keys * self.num_tokens + tokens[offset : scored + offset]
        return keys

    def cross_entropy(self, utterances: list[np.ndarray], order: int) -> float:
        """Return nats per frame on every second utterance; smoothing is the best one on the others."""
        strength = min(
            SMOOTHING_COUNTS, key=lambda value: _mean(self.nats(tokens, order, value) for tokens in utterances[::2])
        )
        return _mean(self.nats(tokens, order, strength) for tokens in utterances[1::2])


def _mean(parts: Iterator[np.ndarray]) -> float:
    return float(np.concatenate(list(parts)).mean())


Counts = tuple[np.ndarray, np.ndarray]  # sorted keys, and how often each


def _of_contexts(counts: Counts, base: int) -> Counts:
    keys, first = np.unique(counts[0] // base, return_index=True)
    return keys, np.add.reduceat(counts[1], first)


def _lookup(counts: Counts, keys: np.ndarray) -> np.ndarray:
    place = np.minimum(np.searchsorted(counts[0], keys), len(counts[0]) - 1)
    return np.where(counts[0][place] == keys, counts[1][place], 0).astype(np.float64)
