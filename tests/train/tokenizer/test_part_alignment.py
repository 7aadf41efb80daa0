"""Alignment through the parts of phones: the path that was drawn is found, silences are optional, refusals."""

import numpy as np
import pytest

from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.corpora.source import CorpusError
from undertone.train.tokenizer.part_alignment import PartAligner, align_parts

NUM_PARTS = PARTS_OF_PHONE * 5


def spoken(classes: list[int], random: np.random.Generator) -> np.ndarray:
    """A path: each phone as long as it likes, its parts as long as each other."""
    lengths = random.integers(1, 9, len(classes))
    return np.concatenate(
        [PARTS_OF_PHONE * one + np.arange(n) * PARTS_OF_PHONE // n for one, n in zip(classes, lengths, strict=True)]
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_found_with_and_without_silences(seed: int) -> None:
    random = np.random.default_rng(seed)
    symbols = [(1, True), (2, False), (3, True), (3, False), (4, True)]
    pause, before, after = random.integers(0, 2, 3).tolist()
    classes = [0] * before + [1, 2] + [0] * pause + [3, 3, 4] + [0] * after
    path = spoken(classes, random)
    log_probs = random.normal(0.0, 0.3, (len(path), NUM_PARTS))
    log_probs[np.arange(len(path)), path] += 4.0
    found = align_parts(log_probs, symbols)
    assert found is not None
    assert (found == path).mean() > 0.95
    phones = [part // PARTS_OF_PHONE for part in found]
    said = [one for one, last in zip(phones, [-1, *phones], strict=False) if one != last and one]
    assert said == [1, 2, 3, 4]  # two phones that are the same show no boundary here


def test_every_phone_has_a_frame_and_too_few_frames_are_none() -> None:
    symbols = [(1, True), (2, False), (4, False)]
    flat = np.zeros((3, NUM_PARTS))
    found = align_parts(flat, symbols)
    assert found is not None
    assert (found // PARTS_OF_PHONE).tolist() == [1, 2, 4]
    assert align_parts(flat[:2], symbols) is None


def test_units_of_something_else_are_refused(lexicon: Lexicon) -> None:
    with pytest.raises(CorpusError, match="not the parts of the dictionary"):
        PartAligner(object(), lexicon)
