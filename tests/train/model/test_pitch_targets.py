"""Measured pitch of prepared clips."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.train.tiny_recipes import MODEL
from undertone.train.corpora.source import CorpusError
from undertone.train.model.pitch_targets import FILE, PitchFile, assign_pitch
from undertone.train.model.windows import WindowSampler


def test_pitch_is_measured_for_a_share_of_the_clips_and_lies_beside_their_frames(
    prepared: Path, tokens: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(prepared, tmp_path / "prepared"))
    (own / FILE).unlink(missing_ok=True)  # other tests measure a share of the same clips
    sampler = WindowSampler(own, "train", own / tokens.name, MODEL.model, 64, pitch_file=assign_pitch(own, 1.0))
    assert isinstance(sampler.pitch_file, PitchFile)
    for clip in sampler.clips:
        hz = sampler.pitch_file.hz(clip)
        assert len(hz) == clip.num_frames
        assert not hz.isnan().any()
        assert (hz > 0).float().mean() > 0.3  # these voices hum all the time
    windows = sampler.batch(3, np.random.default_rng(0))
    assert windows.pitch_hz is not None
    assert windows.pitch_hz.shape == windows.tokens.shape


def test_shards_hold_no_pitch(tmp_path: Path) -> None:
    (tmp_path / "shards.json").write_text("{}")
    with pytest.raises(CorpusError, match="pitch_weight"):
        assign_pitch(tmp_path)
