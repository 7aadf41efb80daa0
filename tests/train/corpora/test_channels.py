"""Channels mixed to one."""

import numpy as np
import pytest

from tests.speechlike import voice
from tests.train.corpora.test_tables import RATE_HZ
from undertone.train.corpora.channels import mix_to_mono


def speech(number: int) -> np.ndarray:
    return voice(2.0, 110 + 40 * number, number).astype(np.float32)


def test_channels_of_one_voice_are_one() -> None:
    one = speech(1)
    assert np.allclose(mix_to_mono(np.stack([one, one]), RATE_HZ), one, atol=1e-6)
    assert np.allclose(np.abs(mix_to_mono(np.stack([one, -one]), RATE_HZ)), np.abs(one), atol=1e-6)
    assert np.allclose(mix_to_mono(np.stack([0 * one, one]), RATE_HZ), one, atol=1e-6)


def test_the_two_sides_of_a_call_are_not_mixed() -> None:
    turn = np.repeat([1.0, 0.0, 1.0, 0.0], RATE_HZ // 2).astype(np.float32)
    with pytest.raises(ValueError, match="sides of a call"):
        mix_to_mono(np.stack([speech(1) * turn, speech(2) * (1 - turn)]), RATE_HZ)
