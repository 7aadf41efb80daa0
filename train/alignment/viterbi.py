"""The likeliest path through states in a row, by steps of a few sizes. T frames, S states, K steps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

IMPOSSIBLE = -1e30  # a log probability


@dataclass(frozen=True)
class Steps:
    """How states follow each other: by so many places at once, 0 to stay."""

    sizes: Sequence[int]  # K, rising; of equally likely ones the smallest is taken
    leaving: np.ndarray  # log probability of taking each step from a state, [K, S]
    entering: np.ndarray  # what is added where a step arrives, [K, S]


def likeliest_states(
    emitted: np.ndarray, steps: Steps, starts: Sequence[int], ends: Sequence[int]
) -> np.ndarray | None:
    """Return the likeliest state of every frame, int64 [T]; None where no path leads from a start to an end.

    Args:
        emitted: log probability of each frame in each state, [T, S].
        starts: states of the first frame.
        ends: states of the last frame; of equally likely ones the first is taken.
    """
    num_states = emitted.shape[1]
    score = np.full(num_states, IMPOSSIBLE)
    score[list(starts)] = emitted[0, list(starts)]
    taken = np.zeros(emitted.shape, dtype=np.int8)
    arriving = np.full((len(steps.sizes), num_states), IMPOSSIBLE)
    for frame in range(1, len(emitted)):
        for row, size in enumerate(steps.sizes):
            left = score + steps.leaving[row]
            arriving[row, size:] = left[: num_states - size] + steps.entering[row, size:]
        taken[frame] = arriving.argmax(0)
        score = arriving.max(0) + emitted[frame]
    state = int(ends[int(np.argmax(score[list(ends)]))])
    if score[state] < IMPOSSIBLE / 2:
        return None
    path = np.empty(len(emitted), dtype=np.int64)
    for frame in range(len(emitted) - 1, -1, -1):
        path[frame] = state
        state -= steps.sizes[taken[frame, state]]
    return path
