"""Sentences spoken with recorded segments."""

import numpy as np
import pytest

from tests.train.ladder.small_ladder import inventory_of
from undertone.train.corpora.source import CorpusError
from undertone.train.ladder.splicer import Memory, Splicer


def test_every_segment_is_of_its_phone_and_of_the_speaker() -> None:
    inventory, _ = inventory_of(5)
    splicer, random = Splicer(inventory, one_speaker=False), np.random.default_rng(0)
    phones = [0, 1, 2, 3, 4, 5, 2, 0]
    for speaker in (0, 1):
        found = splicer.segments(phones, speaker, random)
        assert inventory.units.symbol[found].tolist() == phones
        assert set(inventory.units.speaker[found]) == {speaker}


def test_one_speaker_is_always_the_same_and_many_are_several() -> None:
    inventory, _ = inventory_of(4)
    random = np.random.default_rng(0)
    one, many = Splicer(inventory, True), Splicer(inventory, False)
    assert len({one.draw_speaker(random) for _ in range(30)}) == 1
    assert len({many.draw_speaker(random) for _ in range(30)}) == 2
    assert one.speaker_minutes < many.speaker_minutes


def test_two_sentences_share_segments_where_phones_and_neighbours_agree() -> None:
    inventory, _ = inventory_of(5)
    splicer, random, memory = Splicer(inventory, True), np.random.default_rng(0), Memory()
    good = splicer.segments([0, 1, 2, 3, 4, 0], 0, random, memory)
    bad = splicer.segments([0, 1, 2, 3, 5, 0], 0, random, memory)
    assert good[:3].tolist() == bad[:3].tolist()
    assert good[-1] == bad[-1]
    assert good[4] != bad[4]


def test_a_corpus_that_lacks_a_phone_is_refused() -> None:
    inventory, _ = inventory_of(3)
    inventory.units.usable[inventory.units.symbol == 2] = False
    with pytest.raises(CorpusError, match="P1"):
        Splicer(inventory, True)
