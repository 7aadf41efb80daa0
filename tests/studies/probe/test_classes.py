"""Classes are told from the features that hold them, on groups that were not fitted on, and from no others."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from undertone.studies.probe.classes import (
    F0_CLASSES,
    MAX_EXAMPLES,
    MIN_OF_CLASS,
    PIECE_FRAMES,
    Examples,
    class_probes,
    f0_classes,
    pieces,
    probe_classes,
)
from undertone.studies.probe.clips import ProbeClips

UNITS = 4


def examples(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Examples:
    return Examples({"latents": features}, labels.tolist(), groups.tolist())


def test_what_features_hold_is_told_and_noise_tells_nothing() -> None:
    random = np.random.default_rng(0)
    labels, groups = random.integers(3, size=180), np.arange(180) // 15
    exact = probe_classes(examples(np.eye(3)[labels] + 0.1 * random.standard_normal((180, 3)), labels, groups))
    nothing = probe_classes(examples(random.standard_normal((180, 3)), labels, groups))
    assert exact is not None
    assert nothing is not None
    assert exact.accuracy["latents"].value > 0.99
    assert exact.accuracy["latents"].clusters == 12
    assert nothing.accuracy["latents"].low < 1 / 3 + 0.1 < 0.6
    assert (exact.classes, exact.examples) == (3, 180)
    assert exact.chance == pytest.approx(np.bincount(labels).max() / 180)


def test_what_only_its_own_group_knows_is_not_told() -> None:
    """A feature that names the group tells its label within the group alone."""
    labels, groups = np.arange(240) // 24 % 2, np.arange(240) // 24
    found = probe_classes(examples(np.eye(10)[groups], labels, groups))
    assert found is not None
    assert found.accuracy["latents"].value <= 0.6


def test_rare_classes_single_classes_and_single_groups_are_left_out() -> None:
    features = np.random.default_rng(0).standard_normal((40, 2))
    labels = np.array([0] * 20 + [1] * (20 - MIN_OF_CLASS + 1) + [2] * (MIN_OF_CLASS - 1))
    found = probe_classes(examples(features, labels, np.arange(40) % 4))
    assert found is not None
    assert (found.classes, found.examples) == (2, 40 - MIN_OF_CLASS + 1)
    assert probe_classes(examples(features, np.zeros(40, int), np.arange(40) % 4)) is None
    assert probe_classes(examples(features, labels, np.zeros(40, int))) is None
    many = Examples({"tokens": np.zeros((MAX_EXAMPLES + 9, 1))}, [0] * (MAX_EXAMPLES + 9), [0] * (MAX_EXAMPLES + 9))
    assert len(many.usable(0).labels) == MAX_EXAMPLES


def clip(speaker: int, seed: int) -> Any:
    """Two seconds whose latents say who speaks, and whose tokens and pitch follow each other."""
    random = torch.Generator().manual_seed(seed)
    tokens = torch.randperm(2 * PIECE_FRAMES, generator=random) % UNITS
    latents = 0.1 * torch.randn(len(tokens), 2, generator=random) + torch.tensor([float(speaker), 0.0])
    latents[:, 1] += tokens
    f0 = torch.where(tokens == 0, torch.nan, 4.0 * (tokens - 2) + 5 * speaker)
    tracks = {"f0": f0, "voicing": torch.where(tokens == 0, 0.0, 100.0)}
    return SimpleNamespace(tokens=tokens, latents=latents, num_frames=len(tokens)), tracks


@pytest.fixture(scope="module")
def material() -> ProbeClips:
    made = [clip(number % 3, number) for number in range(15)]
    speakers = [f"speaker {number % 3}" for number in range(15)]
    return ProbeClips(cast(Any, [one for one, _ in made]), speakers, [tracks for _, tracks in made], {})


def test_speaker_phone_f0_and_emotion_are_told_from_what_holds_them(material: ProbeClips) -> None:
    emotions = ["calm" if number < 7 else "glad" for number in range(15)]
    found = class_probes(material, UNITS, ["silence", "AA", "AA", "S"], emotions)
    assert set(found) == {"speaker", "F0 class", "phone", "emotion"}
    assert found["speaker"].accuracy["latents"].value == 1.0
    assert found["speaker"].accuracy["tokens"].value < 0.7
    assert found["F0 class"].accuracy["tokens"].value == found["F0 class"].accuracy["both"].value == 1.0
    assert set(found["phone"].accuracy) == {"latents"}
    assert found["phone"].accuracy["latents"].value > 0.95
    assert found["emotion"].accuracy["both"].value < 0.8  # nothing holds it


def test_classes_of_f0_are_around_the_clips_median(material: ProbeClips) -> None:
    for found, speech in zip(f0_classes(material), material.speech, strict=True):
        assert found == [F0_CLASSES[token] for token in speech.tokens.tolist()]
    silent = ProbeClips([], [], [{"f0": torch.full((2,), torch.nan), "voicing": torch.tensor([torch.nan, 0.0])}], {})
    assert f0_classes(silent) == [[None, "unvoiced"]]


def test_pieces_are_of_one_second_and_of_one_clip(material: ProbeClips) -> None:
    found = pieces(material, UNITS, material.speakers, [str(number) for number in range(15)])
    assert found.features["tokens"].shape == (30, UNITS)
    assert found.features["tokens"].sum(1) == pytest.approx(1.0)
    assert found.features["latents"].shape == (30, 4)
    assert found.groups[:4] == ["0", "0", "1", "1"]
