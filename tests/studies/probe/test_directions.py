"""Directions: found where the truth is known, kept only where they move what they are named after, usable as edits."""

from pathlib import Path

import numpy as np
import pytest
import torch

from undertone.engine import Speech
from undertone.engine.probe import Effect, Effects, LatentStatistics
from undertone.engine.prosody import DirectionEdit, LatentEdit, apply_edit
from undertone.studies.probe.clips import ProbeClips
from undertone.studies.probe.directions import (
    TARGETS,
    Candidate,
    regression_candidates,
    response_candidates,
    select_directions,
)
from undertone.studies.probe.report import SIGMAS

NUM_CLIPS, FRAMES, Z = 6, 80, 4


@pytest.fixture(scope="module")
def material() -> ProbeClips:
    """Energy is dimension 0 and F0 dimension 1 plus half of dimension 0; tilt and voicing are noise."""
    generator = torch.Generator().manual_seed(0)
    speech, tracks = [], []
    for _ in range(NUM_CLIPS):
        latents = torch.randn(FRAMES, Z, generator=generator) * torch.tensor([1.0, 2.0, 0.5, 1.0])
        noise = torch.randn(5, FRAMES, generator=generator)
        speech.append(
            Speech(torch.zeros(FRAMES), latents, None, torch.zeros(8), torch.zeros(FRAMES, 80), torch.zeros(9), 1.6)
        )
        tracks.append(
            {
                "f0": latents[:, 1] + 0.5 * latents[:, 0] + 0.1 * noise[0],
                "energy": 3 * latents[:, 0] + 0.1 * noise[1],
                "tilt": noise[2],
                "voicing": noise[3],
                "token_rate": noise[4],
            }
        )
    return ProbeClips(speech, [f"speaker {i // 2}" for i in range(NUM_CLIPS)], tracks, {})


def line(slope: float, half_width: float = 0.1) -> tuple[Effect, ...]:
    return tuple(
        Effect(sigma=s, value=slope * s, low=slope * s - half_width, high=slope * s + half_width, clips=20)
        for s in SIGMAS
    )


def nothing() -> Effects:
    return {key: line(0.0) for key, _ in TARGETS.values()}


def by_name(found: list[Candidate]) -> dict[str, Candidate]:
    return {candidate.attribute: candidate for candidate in found}


def test_a_regression_finds_what_latents_know_and_keeps_the_others_still(material: ProbeClips) -> None:
    frames = {attribute: material.frames(attribute) for attribute in TARGETS}
    found = by_name(regression_candidates(frames, material))
    assert set(found) == {"f0", "energy"}
    pitch, loudness = found["f0"].direction, found["energy"].direction
    assert abs(pitch.vector[0]) < 0.05 * abs(pitch.vector[1])  # higher at the same energy: dimension 1 alone
    assert loudness.vector[0] > 0
    raised = loudness.vector[1] + 0.5 * loudness.vector[0]
    assert abs(raised) < 0.05 * loudness.vector[0]  # louder at the same F0


def test_a_response_turns_the_dimensions_effects_round(material: ProbeClips) -> None:
    statistics = LatentStatistics.of(material.latents)
    effects = [nothing() for _ in range(Z)]
    effects[0] |= {"energy": line(3.0), "f0_mean": line(1.0)}
    effects[1] |= {"f0_mean": line(2.0)}
    found = by_name(response_candidates(effects, statistics, material))
    assert set(found) == {"f0", "energy"}
    sigmas = {key: np.array(c.direction.vector) / np.array(statistics.std) for key, c in found.items()}
    response = {key: np.array([3 * s[0], s[0] + 2 * s[1]]) for key, s in sigmas.items()}  # energy, F0
    np.testing.assert_allclose(response["energy"][1] / response["energy"][0], 0, atol=1e-6)
    np.testing.assert_allclose(response["f0"][0] / response["f0"][1], 0, atol=1e-6)
    assert response["energy"][0] > 0
    assert response["f0"][1] > 0


def test_of_two_candidates_the_one_that_moves_less_besides_is_kept(material: ProbeClips) -> None:
    frames = {attribute: material.frames(attribute) for attribute in TARGETS}
    energy = by_name(regression_candidates(frames, material))["energy"]
    other = Candidate("energy", "response", energy.direction)
    mixed = nothing() | {"energy": line(3.0), "tilt": line(2.0)}
    pure = nothing() | {"energy": line(2.0)}
    (found,), missing = select_directions([energy, other], [mixed, pure], frames, material)
    assert (found.name, found.method) == ("loudness", "response")
    assert "Energy -4.0 dB [-4.1, -3.9] at -2 σ" in found.evidence
    assert "besides" not in found.evidence
    assert found.slider_low < -1 < 1 < found.slider_high
    assert set(missing) == {"pitch height", "brightness", "voicing"}


def test_a_direction_that_does_not_move_its_attribute_is_not_offered_and_says_why(material: ProbeClips) -> None:
    frames = {attribute: material.frames(attribute) for attribute in TARGETS}
    found = regression_candidates(frames, material)
    weak = [nothing() | {"f0_mean": line(0.1, 0.01), "energy": line(0.1, 0.01)} for _ in found]
    offered, missing = select_directions(found, weak, frames, material)
    assert offered == ()
    assert "F0: R2 from the latents" in missing["pitch height"]
    assert "by regression F0 mean -0.2 semitones [-0.2, -0.2] at -2 σ" in missing["pitch height"]


def test_a_kept_direction_is_an_edit(material: ProbeClips, tmp_path: Path) -> None:
    frames = {attribute: material.frames(attribute) for attribute in TARGETS}
    found = regression_candidates(frames, material)
    effects = [nothing() | {TARGETS[c.attribute][0]: line(2.0)} for c in found]
    offered, _ = select_directions(found, effects, frames, material)
    assert [direction.name for direction in offered] == ["pitch height", "loudness"]
    for direction in offered:
        edit = LatentEdit(edits=(DirectionEdit.along(direction, shift=1.5, start_seconds=0.2),))
        x = torch.zeros(50, Z)
        moved = apply_edit(x, edit, LatentStatistics.of(material.latents))
        torch.testing.assert_close(moved[-1], 1.5 * torch.tensor(direction.vector))
        assert torch.equal(moved[:10], x[:10])
