"""Pitch by YIN."""

import math

import pytest
import torch
from torch import Tensor

from undertone.train.vocoder.yin import yin


def _vowel(hz: float, seconds: float = 1.0) -> Tensor:
    time = torch.arange(round(16_000 * seconds)) / 16_000
    return 0.1 * sum((torch.sin(2 * math.pi * hz * k * time + k) / k for k in range(1, 20)), torch.zeros(len(time)))


@pytest.mark.parametrize("hz", [70.0, 118.3, 260.0, 440.0])
def test_yin_reads_the_pitch_of_a_vowel(hz: float) -> None:
    read, voiced = yin(_vowel(hz)[None], 320, 16_000)
    assert read.shape == voiced.shape == (1, 50)
    assert voiced[0, 3:-3].all()
    torch.testing.assert_close(read[0, 3:-3], torch.full((44,), hz), rtol=0.005, atol=0)


def test_yin_calls_noise_unvoiced_and_is_not_moved_by_level() -> None:
    noise = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))
    assert yin(noise, 320, 16_000)[1].float().mean() < 0.05
    loud, quiet = yin(_vowel(150.0)[None], 320, 16_000), yin(0.01 * _vowel(150.0)[None], 320, 16_000)
    torch.testing.assert_close(loud[0], quiet[0], rtol=1e-3, atol=0)
