"""What the cards say: plain words for everybody, what to expect, and what this clip shows."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.clips import speechlike
from undertone.app.prosody.card_words import clip_effect, expectation, readable_evidence, readable_name
from undertone.app.prosody.measures import TOO_FEW, measure_changes, measure_sound


def effects(low: float, high: float, clips: int = 20) -> tuple[Any, ...]:
    return (SimpleNamespace(sigma=-2.0, value=low, clips=clips), SimpleNamespace(sigma=2.0, value=high, clips=clips))


def test_the_plain_line_says_which_way_does_what() -> None:
    found = expectation({"energy": effects(3.8, -4.6), "f0_mean": effects(0.1, -0.1)})
    assert found is not None
    assert found.plain == "To the right: softer. To the left: louder."
    assert found.text == "+3.8 dB at −2, −4.6 dB at +2 on 20 other clips"


def test_a_direction_speaks_of_what_it_was_made_for() -> None:
    found = expectation({"energy": effects(-22.0, 9.0), "voicing": effects(-90.0, 8.0)}, "energy")
    assert found is not None
    assert found.attribute == "energy"
    assert expectation({}) is None


def test_the_clips_clip_effect_stands_beside_what_was_expected() -> None:
    sound = speechlike(2.0)
    at = [measure_sound(0.5 * sound), measure_sound(sound), measure_sound(sound * 10 ** (3 / 20))]
    said = clip_effect(expectation({"energy": effects(-22.3, 9.0)}), at)
    own, expected = said.split(" Expected: ")
    assert own == "On your clip: −6.0 dB at −2, +3.0 dB at +2."
    assert expected == "−22.3 dB at −2, +9.0 dB at +2 on 20 other clips."


def test_too_few_voiced_frames_give_no_pitch() -> None:
    """A mean of two frames in a hundred once read as four semitones up."""
    voice, noise = speechlike(2.0), 0.05 * torch.randn(32_000, generator=torch.Generator().manual_seed(1))
    collapsed = measure_sound(torch.cat([voice[:1600], noise]))
    rows = {row[0]: row for row in measure_changes(measure_sound(voice), collapsed)}
    assert rows["Pitch (mean F0)"][1:] == (TOO_FEW, TOO_FEW, "–")
    said = clip_effect(
        expectation({"f0_mean": effects(-3.8, 10.1)}), [collapsed, measure_sound(voice), measure_sound(voice)]
    )
    assert said.startswith(f"On your clip: {TOO_FEW} at −2, +0.0 st at +2.")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("loudness, reversed 2", "Loudness"), ("loudness 2", "Loudness"), ("dimension 3", "Dimension 3"), ("", "")],
)
def test_names_are_without_sign_and_number(name: str, shown: str) -> None:
    assert readable_name(name) == shown


def test_the_evidence_is_in_words_of_the_page() -> None:
    said = readable_evidence("F0 +1; besides, Energy -2; by what the decoder answers to")
    assert "besides" not in said
    assert "answers to" not in said
