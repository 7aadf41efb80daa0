"""What each layer of a rung's models knows: accuracy by layer, read by the final norm and the head."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from undertone.engine.ladder import LayerScores
from undertone.studies.ladder.credits import accuracy, pair_credits
from undertone.studies.measures.intervals import Estimate

NEARLY_SHARE = 0.9  # of the last layer's accuracy


def layer_credits(scores: LayerScores, places: Sequence[int]) -> NDArray[np.float64]:
    """Return what the pairs at some places of their file count, [layers, pairs], by the sum over tokens."""
    columns = [scores.places.index(place) for place in places]
    return pair_credits(np.array(scores.good)[:, columns], np.array(scores.bad)[:, columns])


def layer_accuracies(
    seeds: Sequence[LayerScores], places: Sequence[int], clusters: Sequence[Hashable]
) -> tuple[Estimate, ...]:
    """Return the accuracy of every layer, from the first to the last, the mean over seeds."""
    credits = np.mean([layer_credits(scores, places) for scores in seeds], axis=0)
    return tuple(accuracy(layer.tolist(), clusters) for layer in credits)


def reaching_layer(scores: LayerScores, places: Sequence[int]) -> int:
    """Return the first layer, from 1, with NEARLY_SHARE of the last one's accuracy."""
    by_layer = layer_credits(scores, places).mean(1)
    return int(np.argmax(by_layer >= NEARLY_SHARE * by_layer[-1])) + 1
