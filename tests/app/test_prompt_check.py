"""What a visitor is told about a clip before anything runs."""

from pathlib import Path

import pytest
import torch

from app.prompt_check import check_cut
from app.prompt_panel import judge_cut, load_clip
from app.visit import Clip, Visit
from engine import AudioLimits
from tests.clips import speechlike, write_wav16

LIMITS = AudioLimits()


def note(waveform: torch.Tensor, start: float = 0.0, length: float = 3.0) -> tuple[str, str]:
    judged = check_cut(Clip(waveform, 16_000), start, length, LIMITS)
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


def test_only_the_cut_is_judged() -> None:
    clip = torch.cat([torch.zeros(48_000), speechlike(3.0)])
    assert note(clip, 0.0, 3.0)[0] == "problem"
    assert note(clip, 3.0, 3.0)[0] == "good"


def test_loading_shows_the_waveform_and_fits_the_sliders(visit: Visit, clip_path: Path) -> None:
    group, view, start, length, text = load_clip(str(clip_path), visit, LIMITS)
    assert group["visible"]
    assert view["seconds"] == pytest.approx(4.0)
    assert max(view["peaks"]) == 127
    assert start["maximum"] == pytest.approx(3.0)
    assert (length["value"], length["maximum"]) == (3.0, pytest.approx(4.0))
    assert "Good level" in text


@pytest.mark.parametrize("seconds", [0.4, 1.0, 1.04, 1.97, 2.64, 3.0, 12.34])
def test_sliders_start_inside_their_ranges_whatever_the_clip(seconds: float, visit: Visit, tmp_path: Path) -> None:
    path = write_wav16(tmp_path / "some.wav", speechlike(seconds))
    _, _, start, length, _ = load_clip(str(path), visit, LIMITS)
    assert start["value"] == 0 < start["maximum"]
    assert LIMITS.min_seconds <= length["value"] <= length["maximum"]


def test_a_file_that_is_no_sound_leaves_a_message_and_no_clip(visit: Visit, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"this is not a sound file")
    group, view, *_, text = load_clip(str(broken), visit, LIMITS)
    assert not group["visible"]
    assert view is None
    assert 'role="alert"' in text
    assert "not a sound file" in text
    assert judge_cut(0, 3, visit, LIMITS).tone == "problem"


def test_names_in_messages_cannot_carry_markup(visit: Visit) -> None:
    visit.clip, visit.clip_error = None, "<script>alert(1)</script>"
    assert "<script>" not in judge_cut(0, 3, visit, LIMITS).html()
