"""Windows: equally many words, the same ones in every stream."""

import numpy as np
import torch

from undertone.engine.network.token_lm import PADDING
from undertone.train.ladder.windows import WordWindows, pad_tokens


def test_two_streams_of_one_text_show_the_same_words_at_every_step() -> None:
    short = WordWindows([np.array([word]) for word in range(100)], 7, 3, seed=1)
    long = WordWindows([np.repeat(word, 1 + word % 4) for word in range(100)], 7, 3, seed=1)
    for step in range(12):
        for one, other in zip(short.batch(step), long.batch(step), strict=True):
            assert one.tolist() == torch.unique_consecutive(other[other != PADDING]).tolist()
            assert len(one) == 7


def test_an_epoch_shows_no_word_twice_and_epochs_differ() -> None:
    windows = WordWindows([np.array([word]) for word in range(100)], 7, 2, seed=0)
    assert windows.batches_per_epoch == 7
    first = torch.cat([windows.batch(step).flatten() for step in range(7)]).tolist()
    assert len(set(first)) == len(first) == 98
    assert windows.places(0) != windows.places(7)
    assert windows.places(3) == WordWindows([np.array([word]) for word in range(100)], 7, 2, seed=0).places(3)


def test_padding_is_at_the_ends_of_rows() -> None:
    assert pad_tokens([np.array([1, 2]), np.array([3])]).tolist() == [[1, 2], [3, PADDING]]
