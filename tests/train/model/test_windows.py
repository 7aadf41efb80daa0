"""Training windows of flat files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.tiny_recipes import MODEL
from undertone.train.data.augmentation import AugmentationConfig
from undertone.train.model.windows import WindowSampler, window_start


def test_the_end_token_follows_the_last_frame_of_a_clip_and_nothing_else(prepared: Path, tokens: Path) -> None:
    sampler = WindowSampler(prepared, "train", tokens, MODEL.model, 640)
    batch = sampler.batch(6, np.random.default_rng(0))
    ends = batch.tokens == MODEL.model.num_tokens
    assert torch.equal(ends.sum(1), torch.ones(6, dtype=torch.int64))
    assert torch.equal(ends.float().argmax(1), batch.lengths - 1)


@pytest.mark.parametrize(("clip", "window"), [(600, 200), (300, 299), (201, 200)])
def test_a_clip_ends_in_windows_as_often_as_in_clips(clip: int, window: int) -> None:
    random = np.random.default_rng(0)
    latest = clip + 1 - window
    starts = [window_start(clip, window, True, random) for _ in range(4000)]
    assert set(starts) <= set(range(latest + 1))
    share = starts.count(latest) / len(
        starts
    )  # of windows in which the end is; in the clip it is one frame of them all
    assert share / window == pytest.approx(1 / (clip + 1), rel=0.1)
    plain = [window_start(clip, window, False, random) for _ in range(4000)]
    assert np.bincount(plain, minlength=clip - window + 1).max() < 4 * 4000 / (clip - window + 1) + 10
    assert window_start(window - 1, window, True, random) == 0


def test_only_the_utterance_is_disturbed_and_by_the_number_of_the_window_alone(prepared: Path, tokens: Path) -> None:
    def windows(config: AugmentationConfig | None, seed: int = 0) -> dict[str, torch.Tensor]:
        sampler = WindowSampler(prepared, "train", tokens, MODEL.model, 64, utterance_augmentation=config)
        return vars(sampler.batch(4, np.random.default_rng(seed)))

    noise = AugmentationConfig(clean_share=0.0, noise_probability=1.0, noise_snr_db=(0.0, 0.0))
    plain, disturbed = windows(None), windows(noise)
    torch.manual_seed(1)  # what the loop has seeded says nothing, since windows may be made in another process
    again = windows(noise)
    first = {name: value[0] for name, value in plain.items() if value is not None}  # later windows are other ones
    assert all(torch.equal(first[name], disturbed[name][0]) for name in first if name != "utterance_mel")
    assert not torch.allclose(plain["utterance_mel"][0], disturbed["utterance_mel"][0], atol=0.1)
    assert torch.equal(disturbed["utterance_mel"], again["utterance_mel"])
    clean = windows(AugmentationConfig(clean_share=1.0))
    assert torch.equal(clean["utterance_mel"][0], plain["utterance_mel"][0]), "a clean clip is the stored one"
