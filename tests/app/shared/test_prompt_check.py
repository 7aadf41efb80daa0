"""The note on a cut before anything runs."""

import pytest
import torch

from tests.clips import speechlike
from undertone.app.shared.prompt_check import check_cut
from undertone.app.shared.prompt_clip import PromptClip
from undertone.engine import AudioLimits

LIMITS = AudioLimits()


def note(waveform: torch.Tensor, start: float = 0.0, length: float = 3.0) -> tuple[str, str]:
    judged = check_cut(PromptClip(waveform, 16_000), start, length, LIMITS).note
    return judged.tone, judged.text


def test_a_good_clip_is_called_good_with_its_level() -> None:
    tone, text = note(speechlike(4.0))
    assert tone == "good"
    assert "dB" in text


@pytest.mark.parametrize(
    ("waveform", "tone", "words"),
    [
        (torch.zeros(64_000), "problem", "silent"),
        ((20 * speechlike(4.0)).clamp(-1, 1), "problem", "clipped"),
        (speechlike(0.5), "problem", "at least 1 s"),
        (0.03 * speechlike(4.0), "warning", "Quiet"),
        (torch.cat([torch.zeros(40_000), speechlike(1.5)]), "warning", "silence"),
        ((4.3 * speechlike(4.0)).clamp(-1, 1), "warning", "clipped"),
    ],
    ids=["silent", "clipped", "short", "quiet", "mostly silence", "a little clipped"],
)
def test_what_is_wrong_is_named(waveform: torch.Tensor, tone: str, words: str) -> None:
    found, text = note(waveform)
    assert (found, words in text) == (tone, True), text


def hum(hz: float, level_db: float) -> torch.Tensor:
    return 10 ** (level_db / 20) * 2**0.5 * torch.sin(2 * torch.pi * hz * torch.arange(64_000) / 16_000)


@pytest.mark.parametrize("offset", [0.45, -0.2])
def test_an_offset_changes_nothing_that_is_said(offset: float) -> None:
    voice = 0.5 * speechlike(4.0)
    assert note(voice + offset) == note(voice)


@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_hum_of_the_mains_is_named_with_its_level(hz: float) -> None:
    tone, text = note(speechlike(4.0) + hum(hz, -30.0))
    assert tone == "warning"
    assert f"Hum of {hz:.0f} Hz at -30 dB" in text


def test_noise_under_the_voice_is_named_with_its_level() -> None:
    words = torch.cat([speechlike(2.4), torch.zeros(9_600), speechlike(1.0)])  # nobody speaks for 0.6 s
    noise = 1e-3 * torch.randn(words.numel(), generator=torch.Generator().manual_seed(1))
    assert note(words)[0] == "good"
    tone, text = note(words + noise)
    assert tone == "warning"
    assert "Noise at -60 dB" in text


def test_a_low_voice_is_not_called_hum() -> None:
    assert note(speechlike(4.0, hz=62.0))[0] == "good"


def test_only_the_cut_is_judged() -> None:
    clip = torch.cat([torch.zeros(48_000), speechlike(3.0)])
    assert note(clip, 0.0, 3.0)[0] == "problem"
    assert note(clip, 3.0, 3.0)[0] == "good"


def test_levels_are_said_without_minus_zero_and_minus_infinity() -> None:
    loud = speechlike(4.0)
    assert "loudest sample at 0 dB" in note(loud * 0.97 / loud[:48_000].abs().max())[1]
    assert "inf" not in note(torch.zeros(64_000))[1]
