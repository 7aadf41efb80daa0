"""Augmentation of waveforms."""

import pytest
import torch
from torch import Tensor

from tests.clips import speechlike
from undertone.train.data.augmentation import AugmentationConfig, augment_waveform

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
