"""Augmentation of waveforms."""

import pytest
import torch
from torch import Tensor

from tests.clips import speechlike
from undertone.train.data.augmentation import (
    AugmentationConfig,
    add_reverberation,
    augment_waveform,
    coloured_noise,
    hum,
    limit_band,
)

SOUND = 0.5 * speechlike(1.0)


@pytest.mark.parametrize("seed", range(12))
def test_a_disturbed_clip_has_its_length_and_its_range(seed: int) -> None:
    torch.manual_seed(seed)
    worst = AugmentationConfig(clean_share=0.0, noise_probability=1, hum_probability=1, reverberation_probability=1)
    for config in (AugmentationConfig(), worst):
        made = augment_waveform(SOUND, config)
        assert made.shape == SOUND.shape
        assert torch.isfinite(made).all()
        assert made.abs().max() <= 1.0
    assert torch.isfinite(augment_waveform(torch.zeros(8000), worst)).all()


def test_clean_clips_stay_as_they_are_and_the_seed_decides() -> None:
    assert torch.equal(augment_waveform(SOUND, AugmentationConfig(clean_share=1.0)), SOUND)

    def drawn(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return augment_waveform(SOUND, AugmentationConfig(clean_share=0.0))

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_each_disturbance_is_what_it_is_called() -> None:
    torch.manual_seed(0)
    spectrum = torch.fft.rfft(limit_band(torch.randn(16_000), 300.0, 3000.0, 16_000)).abs()
    assert spectrum[500:2500].mean() > 20 * max(spectrum[:200].mean(), spectrum[4000:].mean())
    noise = coloured_noise(16_000, -6.0, 16_000)
    assert float(noise.square().mean()) == pytest.approx(1.0, rel=1e-3)
    level = torch.fft.rfft(noise).abs().square()
    assert float((level[400:800].mean() / level[800:1600].mean()).log10() * 10) == pytest.approx(6.0, abs=1.5)
    mains = torch.fft.rfft(hum(16_000, 16_000)).abs()
    assert int(mains.argmax()) % 50 in (0, 10, 20, 30, 40)
    click = torch.zeros(8000)
    click[100] = 1.0
    tail = add_reverberation(click, 0.3, 0.5, 16_000)
    assert float(tail[100]) == pytest.approx(1.0)
    assert float(tail[101:1000].square().sum()) > 100 * float(tail[4000:4900].square().sum())
