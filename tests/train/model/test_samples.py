"""What a model run shows of the dev split."""

from pathlib import Path

import torch
from accelerate import Accelerator

from tests.train.tiny_recipes import MODEL
from undertone.train.model.stage import ModelStage


def test_a_model_shows_a_window_its_reconstruction_and_what_the_latents_carry(prepared: Path, tokens: Path) -> None:
    samples = ModelStage(MODEL, prepared, tokens, Accelerator(cpu=True)).samples(0)
    assert [sample.name for sample in samples] == ["real", "reconstruction", "latents zeroed"]
    for sample in samples:
        assert len(sample.audio) == len(sample.log_mel) * MODEL.model.mel.hop_samples
        assert torch.isfinite(sample.audio).all()
