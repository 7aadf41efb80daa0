"""Clusters of cepstra: a unit for every frame, whatever the channel, fitted once."""

from pathlib import Path

import numpy as np
import pytest
import torch

from undertone.train.data.flat_corpus import FlatCorpus
from undertone.train.data.flat_files import Clip
from undertone.train.ladder import cluster_units as module
from undertone.train.ladder.cluster_units import cepstral_features, cluster_units, likeliest_units


def corpus_of(frames: int = 400) -> FlatCorpus:
    random = np.random.default_rng(0)
    clips = [Clip(f"c{number}", "s", "train", "", 0, 0, number * frames, frames) for number in range(3)]
    return FlatCorpus(clips, np.zeros(0, np.int16), random.normal(size=(3 * frames, 80)).astype(np.float16))


def test_features_do_not_depend_on_level_and_tilt_of_the_channel() -> None:
    mel = corpus_of().mel(corpus_of().clips[0])
    filtered = mel * 1.0 + torch.linspace(-2, 3, 80)
    assert cepstral_features(mel).shape == (400, 39)
    assert torch.allclose(cepstral_features(mel), cepstral_features(filtered), atol=1e-3)


def test_every_frame_has_a_cluster_and_they_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PreparedCorpus", lambda _: corpus_of())
    found = cluster_units(tmp_path, tmp_path / "clusters.u16")
    assert len(found) == 1200
    assert len(np.unique(found)) > 50
    monkeypatch.delattr(module, "PreparedCorpus")
    assert (cluster_units(tmp_path, tmp_path / "clusters.u16") == found).all()


def test_a_cluster_is_named_by_most_of_its_frames_and_frames_without_unit_do_not_count() -> None:
    clusters = np.array([4, 4, 4, 9, 9, 9, 9])
    units = np.array([7, 7, 2, 0xFFFF, 0xFFFF, 0xFFFF, 5], dtype=np.uint16)
    assert likeliest_units(clusters, units)[[4, 9]].tolist() == [7, 5]
