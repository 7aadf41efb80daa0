"""What it costs to go on with another run: units that seldom follow each other, and a leap of latents or mel."""

import numpy as np

from undertone.train.text.phone_runs import UnitInventory

LEAP_NATS = 0.5  # for a leap of one standard deviation in every dimension


class JoinCosts:
    """Costs of joins between runs of an inventory.

    Args:
        inventory: whose frames say which units follow each other.
        features: [frames, F] of the flat files, each dimension of about unit variance.
        units: of the same frames; None: only the leap counts.
        num_units: V.
    """

    def __init__(
        self, inventory: UnitInventory, features: np.ndarray, units: np.ndarray | None = None, num_units: int = 1
    ) -> None:
        self._features = features
        self._units = np.zeros(len(features), dtype=np.int64) if units is None else units
        self._nats = np.zeros((1, 1)) if units is None else following_nats(inventory, units, num_units)

    def cost(self, end: int, starts: np.ndarray) -> np.ndarray:
        """Nats of going on at each of the frames `starts` after a run that ends before the frame `end`, [starts].

        The leap is measured on both sides: what came before a start against the last frame spoken, and the start
        against what would have followed.
        """
        shown = self._features
        last, would_follow = end - 1, min(end, len(shown) - 1)
        before = shown[np.maximum(starts - 1, 0)].astype(np.float32) - shown[last]
        behind = shown[starts].astype(np.float32) - shown[would_follow]
        leap = (np.square(before).mean(1) + np.square(behind).mean(1)) / 2
        cost: np.ndarray = self._nats[self._units[last], self._units[starts]] + LEAP_NATS * leap
        return cost


def following_nats(inventory: UnitInventory, units: np.ndarray, num_units: int) -> np.ndarray:
    """Return -log P(unit | unit before it) in the inventory's recordings, [V, V]."""
    runs = inventory.runs
    spoken = np.zeros(len(units), dtype=bool)
    for start, end in zip(runs.start, runs.end, strict=True):
        spoken[start:end] = True
    pairs = spoken[1:] & spoken[:-1]
    counts = np.zeros((num_units, num_units))
    np.add.at(counts, (units[:-1][pairs], units[1:][pairs]), 1)
    often = (counts.sum(0) + 1) / (counts.sum() + num_units)
    return np.asarray(-np.log((counts + 10 * often) / (counts.sum(1, keepdims=True) + 10)))
