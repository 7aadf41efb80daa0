"""Training windows of flat files."""

from pathlib import Path

import torch

from tests.train.tiny_recipes import MODEL
from undertone.train.model.windows import WindowSampler


def test_the_end_token_follows_the_last_frame_of_a_clip_and_nothing_else(prepared: Path, tokens: Path) -> None:
    import numpy as np

    sampler = WindowSampler(prepared, "train", tokens, MODEL.model, 640)
    batch = sampler.batch(6, np.random.default_rng(0))
    ends = batch.tokens == MODEL.model.num_tokens
    assert torch.equal(ends.sum(1), torch.ones(6, dtype=torch.int64))
    assert torch.equal(ends.float().argmax(1), batch.lengths - 1)
