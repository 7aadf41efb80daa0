"""A hidden Markov model of a transcript that emits unit ids: one state a phone, pauses between words left out or not.

T frames, S states, V units.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from undertone.train.alignment.segments import MIN_SILENCE_FRAMES, SILENCE, PhoneSegments
from undertone.train.alignment.viterbi import IMPOSSIBLE, Steps, likeliest_states

SMOOTHING_FRAMES = 50.0  # added to a symbol's counts, spread as the units are over all speech
PAUSE_SKIP = MIN_SILENCE_FRAMES + 1  # states from the one before a pause to the one after it


class Emissions:
    """log P(unit | symbol) [symbols, V], and log P(the symbol ends with this frame) [symbols].

    Args:
        counts: frames of each unit in each symbol, [symbols, V]; the last symbol is any unknown word.
        segments: how often each symbol was spoken, [symbols].
    """

    def __init__(self, counts: np.ndarray, segments: np.ndarray) -> None:
        overall = (counts.sum(0) + 0.5) / (counts.sum(0) + 0.5).sum()
        smoothed = counts + SMOOTHING_FRAMES * overall
        self.log_unit = np.log(smoothed / smoothed.sum(1, keepdims=True))
        self.log_any = np.log(overall)
        self.log_unit[-1] = self.log_any
        ending = np.clip((segments + 1) / (counts.sum(1) + 2), 0.001, 0.9)
        self.log_end, self.log_stay = np.log(ending), np.log1p(-ending)

    @classmethod
    def count(cls, clips: Iterable[tuple[PhoneSegments, np.ndarray]], num_symbols: int, num_units: int) -> "Emissions":
        """Count transitions and units of segments."""
        counts, num_segments = np.zeros((num_symbols, num_units)), np.zeros(num_symbols)
        for found, units in clips:
            lengths = np.diff([0, *found.ends])
            symbols = np.repeat(found.symbols, lengths)[: len(units)]
            np.add.at(counts, (symbols, units[: len(symbols)]), 1)
            np.add.at(num_segments, found.symbols, 1)
        return cls(counts, num_segments)


@dataclass(frozen=True)
class States:
    """The states of a transcript: its symbols, and a pause before, after and between words."""

    symbols: np.ndarray  # int64 [S]
    firsts: np.ndarray  # bool [S], a word begins here
    owner: np.ndarray  # int64 [S], the first state of the symbol or pause that this one belongs to

    @classmethod
    def of(cls, transcript: list[tuple[int, bool]]) -> "States":
        """Build the states of (symbol, whether it begins a word); a pause has one for each frame that it must last."""
        pause = [(SILENCE, False)] * MIN_SILENCE_FRAMES
        expanded: list[tuple[int, bool]] = []
        for symbol, first in transcript:
            expanded += [*pause, (symbol, True)] if first else [(symbol, False)]
        expanded += pause
        symbols, firsts = (np.array(column) for column in zip(*expanded, strict=True))
        quiet = symbols == SILENCE
        begins = np.arange(len(symbols))
        begins[1:][quiet[1:] & quiet[:-1]] = 0
        return cls(symbols, firsts, np.maximum.accumulate(begins))


def best_path(states: States, units: np.ndarray, emissions: Emissions) -> np.ndarray:
    """Return the most likely state of every frame, int64 [T] (Viterbi).

    Raises:
        ValueError: fewer frames than phones.
    """
    quiet = states.symbols == SILENCE
    end, stay = emissions.log_end[states.symbols], emissions.log_stay[states.symbols]
    inside = quiet & (np.append(states.owner[1:], -1) == states.owner)  # of a pause: its minimum is not yet over
    end, stay = np.where(inside, 0.0, end), np.where(inside, IMPOSSIBLE, stay)
    barrier = np.full(len(quiet), IMPOSSIBLE)
    barrier[PAUSE_SKIP:][~quiet[PAUSE_SKIP:] & quiet[PAUSE_SKIP - 1 : -1]] = 0.0
    free = np.zeros_like(barrier)
    steps = Steps((0, 1, PAUSE_SKIP), np.stack([stay, end, end]), np.stack([free, free, barrier]))
    last = len(quiet) - 1
    emitted = emissions.log_unit[states.symbols][:, units].T.copy()  # [T, S]
    path = likeliest_states(emitted, steps, [0, MIN_SILENCE_FRAMES], [last, last - MIN_SILENCE_FRAMES])
    if path is None:
        raise ValueError(f"{len(units)} frames are too few for {len(states.symbols)} states")
    return path


def segments_of(states: States, path: np.ndarray) -> PhoneSegments:
    """Return the segments of a path."""
    owner = states.owner[path]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(owner)) + 1])
    ends = [*starts[1:].tolist(), len(path)]
    return PhoneSegments(states.symbols[owner[starts]].tolist(), ends, states.firsts[owner[starts]].tolist())


def segment_scores(found: PhoneSegments, units: np.ndarray, emissions: Emissions) -> list[float]:
    """Return for each segment the nats per frame by which its units favour its symbol over any."""
    symbols = np.repeat(found.symbols, np.diff([0, *found.ends]))
    nats = emissions.log_unit[symbols, units] - emissions.log_any[units]
    sums = np.add.reduceat(nats, found.starts)
    return [round(float(value), 3) for value in sums / np.diff([0, *found.ends])]
