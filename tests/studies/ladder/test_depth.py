"""Accuracy by layer, and the layer that nearly reaches the last one."""

from undertone.engine.ladder import LayerScores
from undertone.studies.ladder.depth import layer_accuracies, reaching_layer

SCORES = LayerScores(
    rung="phone-raw", seed=0, pairs="p", places=(3, 5, 8, 9),
    good=((1.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 0.0), (1.0, 1.0, 1.0, 0.5)),
    bad=((0.5,) * 4,) * 3,
)  # fmt: skip


def test_layers_are_scored_at_the_places_that_are_asked_for() -> None:
    found = layer_accuracies([SCORES, SCORES], [3, 5, 8, 9], ["a", "b", "c", "d"])
    assert [one.value for one in found] == [0.25, 0.75, 0.875]
    assert [one.value for one in layer_accuracies([SCORES], [9, 3], ["a", "b"])] == [0.5, 0.5, 0.75]


def test_the_first_layer_with_nine_tenths_of_the_last_ones_accuracy_reaches_it() -> None:
    assert reaching_layer(SCORES, [3, 5, 8, 9]) == 3
    assert reaching_layer(SCORES, [3, 5, 8]) == 2
    assert reaching_layer(SCORES, [3]) == 1
