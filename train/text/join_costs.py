"""Join costs of units: tokens that seldom follow each other, and a distance of latents or mel. V tokens."""

import numpy as np

from undertone.train.text.unit_inventory import UnitInventory

DISTANCE_NATS = 0.5  # for a distance of one standard deviation in every dimension


class JoinCosts:
    """Costs of joins between units of an inventory.

    Args:
        inventory: whose frames say which tokens follow each other.
        features: [frames, F] of the flat files, each dimension of about token variance.
        tokens: of the same frames; None: only the distance counts.
        num_tokens: V.
    """

    def __init__(
        self, inventory: UnitInventory, features: np.ndarray, tokens: np.ndarray | None = None, num_tokens: int = 1
    ) -> None:
        self._features = features
        self._tokens = np.zeros(len(features), dtype=np.int64) if tokens is None else tokens
        self._nats = np.zeros((1, 1)) if tokens is None else transition_nats(inventory, tokens, num_tokens)

    def cost(self, end: int, starts: np.ndarray) -> np.ndarray:
        """Return the cost in nats of joining each of the frames `starts` to a unit that ends before `end`, [starts].

        The distance is measured on both sides of the join: the frame before a start against the last frame of the unit,
        and the start against the frame that followed the unit in its recording.
        """
        features = self._features
        last, following = end - 1, min(end, len(features) - 1)
        before = features[np.maximum(starts - 1, 0)].astype(np.float32) - features[last]
        behind = features[starts].astype(np.float32) - features[following]
        distance = (np.square(before).mean(1) + np.square(behind).mean(1)) / 2
        cost: np.ndarray = self._nats[self._tokens[last], self._tokens[starts]] + DISTANCE_NATS * distance
        return cost


def transition_nats(inventory: UnitInventory, tokens: np.ndarray, num_tokens: int) -> np.ndarray:
    """Return -log P(token | token before it) in the inventory's recordings, [V, V]."""
    units = inventory.units
    in_inventory = np.zeros(len(tokens), dtype=bool)
    for start, end in zip(units.start, units.end, strict=True):
        in_inventory[start:end] = True
    pairs = in_inventory[1:] & in_inventory[:-1]
    counts = np.zeros((num_tokens, num_tokens))
    np.add.at(counts, (tokens[:-1][pairs], tokens[1:][pairs]), 1)
    often = (counts.sum(0) + 1) / (counts.sum() + num_tokens)
    return np.asarray(-np.log((counts + 10 * often) / (counts.sum(1, keepdims=True) + 10)))
