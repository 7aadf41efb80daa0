"""Losses of the vocoder on waveforms."""

import pytest
import torch

from undertone.engine.config import MelConfig
from undertone.train.vocoder.losses import MelLoss, SpectralLoss, feature_matching_loss, log_spectral_distance


def test_losses_are_zero_for_the_same_waveform_and_grow_with_noise() -> None:
    torch.manual_seed(0)
    real = 0.1 * torch.randn(2, 8000)
    for distance in (SpectralLoss(), MelLoss(MelConfig()), log_spectral_distance):
        values = [float(distance(real + noise * torch.randn_like(real), real)) for noise in (0.0, 0.01, 0.1)]
        assert values[0] == pytest.approx(0.0, abs=1e-6)
        assert values[0] < values[1] < values[2]


def test_spectral_losses_have_finite_gradients_in_silence() -> None:
    generated = torch.zeros(1, 8000, requires_grad=True)
    (SpectralLoss()(generated, torch.zeros(1, 8000)) + MelLoss(MelConfig())(generated, torch.zeros(1, 8000))).backward()
    assert generated.grad is not None
    assert torch.isfinite(generated.grad).all()


def test_feature_matching_does_not_depend_on_the_scale_of_the_layers() -> None:
    torch.manual_seed(0)
    real, generated = torch.randn(2, 4, 9), torch.randn(2, 4, 9)
    one, hundred = (feature_matching_loss([[real * k]], [[generated * k]]) for k in (1.0, 100.0))
    torch.testing.assert_close(one, hundred)
