"""Discriminators of the vocoder."""

import pytest
import torch
from torch import nn

from undertone.train.vocoder.discriminators import Discriminators, PeriodDiscriminator, ResolutionDiscriminator


@pytest.mark.parametrize(
    "make", [lambda: PeriodDiscriminator(5, 2), lambda: ResolutionDiscriminator(256, 2)], ids=["period", "resolution"]
)
def test_a_discriminator_scores_every_waveform_and_shows_its_hidden_layers(make) -> None:  # type: ignore[no-untyped-def]
    discriminator: nn.Module = make()
    score, hidden = discriminator(torch.randn(3, 3840))
    assert score.shape[:2] == (3, 1)
    assert score.numel() > 3
    assert len(hidden) == len(list(discriminator.layers)) - 1  # type: ignore[arg-type]
    assert all(layer.shape[0] == 3 for layer in hidden)


def test_discriminators_judge_each_waveform_by_itself() -> None:
    torch.manual_seed(0)
    judges = Discriminators((2, 3), 2, (256, 512), 2)
    waveforms = torch.randn(2, 3840)
    together, _ = judges(waveforms)
    alone, _ = judges(waveforms[1:])
    assert len(together) == 4
    for batch_score, single_score in zip(together, alone, strict=True):
        torch.testing.assert_close(batch_score[1:], single_score, atol=1e-5, rtol=1e-4)
