"""Losses of phase."""

import math

import pytest
import torch

from tests.clips import speechlike
from undertone.train.vocoder.phase_losses import PhaseLoss, anti_wrap


def test_a_phase_difference_ignores_whole_turns() -> None:
    angles = torch.linspace(-3.0, 3.0, 13)
    for turns in (-3, -1, 0, 2):
        torch.testing.assert_close(anti_wrap(angles + 2 * math.pi * turns), angles.abs(), atol=1e-5, rtol=0)
    assert float(anti_wrap(torch.tensor([3.5]))) == pytest.approx(2 * math.pi - 3.5, abs=1e-5)


def test_phase_losses_are_zero_for_the_same_sound_at_any_level_and_grow_with_noise() -> None:
    real = speechlike(1.0)[None]
    loss = PhaseLoss()
    values = [float(loss(0.5 * real + noise * torch.randn_like(real), real)) for noise in (0.0, 0.01, 0.1)]
    assert values[0] == pytest.approx(0.0, abs=2e-3)
    assert values[0] < values[1] < values[2]


def test_group_delay_and_instantaneous_frequency_ignore_a_constant_turn_of_all_phases() -> None:
    """A sound and its Hilbert transform differ by a quarter of a turn at every frequency."""
    real = speechlike(1.0)[None]
    spectrum = torch.fft.fft(real)
    half = real.shape[1] // 2
    spectrum[:, 1:half] *= -2j
    spectrum[:, half:] = 0
    turned = torch.fft.ifft(spectrum).real
    losses = [float(PhaseLoss(weights=weights)(turned, real)) for weights in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert losses[0] == pytest.approx(math.pi / 2, abs=0.1)
    assert losses[1] < 0.1  # what is left is at the edges of the clip
    assert losses[2] < 0.1


def test_phase_losses_have_finite_gradients_in_silence() -> None:
    generated = torch.zeros(1, 8000, requires_grad=True)
    PhaseLoss()(generated, torch.zeros(1, 8000)).backward()
    assert generated.grad is not None
    assert torch.isfinite(generated.grad).all()
