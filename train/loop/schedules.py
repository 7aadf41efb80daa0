"""Schedules of the learning rate over the share of the budget that is done."""

import math


def warmup_cosine(progress: float, warmup: float, floor: float = 0.02) -> float:
    """Return the learning-rate factor: linear warm-up over the share `warmup`, then a cosine to `floor`."""
    if progress < warmup:
        return max(progress / warmup, 0.01)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup))))
