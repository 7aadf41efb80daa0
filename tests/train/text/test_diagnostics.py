"""What is measured of an inventory and of rendered prose."""

import numpy as np
import pytest

from tests.train.text.test_unit_selection import corpus_of
from undertone.train.text.diagnostics import TokenModel, context_match_rates, draw_utterances, measure_inventory
from undertone.train.text.mixed_windows import TextFrames
from undertone.train.text.prose import Prose
from undertone.train.text.unit_inventory import UnitInventory
from undertone.train.text.unit_selection import UnitSelector


def test_a_bigram_of_units_predicts_what_follows_and_a_unigram_does_not() -> None:
    cycle = [np.tile([0, 1, 2, 3], 60) for _ in range(4)]
    model = TokenModel(cycle, 4)
    assert model.cross_entropy(cycle, 1) == pytest.approx(np.log(4), rel=0.02)
    assert model.cross_entropy(cycle, 2) < 0.1
    assert model.cross_entropy(cycle, 3) < 0.1
    chances = [np.exp(-model.nats(np.array([0, 1, unit]), 3, 50.0)[0]) for unit in range(4)]
    assert sum(chances) == pytest.approx(1.0)
    longer = TokenModel(cycle, 4, longest=5)
    assert longer.cross_entropy(cycle, 2) == pytest.approx(model.cross_entropy(cycle, 2), rel=0.05)
    assert len(longer.nats(cycle[0], 5, 5.0)) == 240 - 4


def test_what_is_measured_of_an_inventory_and_of_prose_spoken_with_it() -> None:
    random = np.random.default_rng(0)
    clips = [("s", [(int(phone), 4) for phone in random.integers(1, 5, 50)]) for _ in range(6)]
    inventory = UnitInventory.build(*corpus_of(*clips))
    facts = measure_inventory(inventory)
    assert facts["mean_frames"] == 4
    assert facts["runs"] == 300
    prose = Prose(random.integers(1, 5, 90).astype(np.uint8), np.arange(0, 91, 30), np.zeros(3), ("emma",), 0)
    tokens = random.integers(0, 9, 1200).astype(np.uint16)
    text = TextFrames(prose, UnitSelector(inventory, one_voice=False), np.array([60]))
    found = context_match_rates(text, 5)
    assert found["both_neighbours"] + found["one_neighbour"] + found["no_neighbour"] == pytest.approx(1)
    assert found["runs_per_join"] > 1
    spoken = draw_utterances(text, tokens, 500, 0)
    assert sum(map(len, spoken)) >= 500
