"""A clip in the panel: its waveform, the sliders' ranges, and broken files."""

from pathlib import Path

import pytest

from tests.clips import speechlike, write_wav16
from undertone.app.shared.prompt_panel import judge_cut, load_clip
from undertone.app.shared.visitor import Visit
from undertone.engine import AudioLimits

LIMITS = AudioLimits()


def test_loading_shows_the_waveform_and_fits_the_sliders(visit: Visit, clip_path: Path) -> None:
    group, view, start, length, text, *_ = load_clip(str(clip_path), visit, LIMITS)
    assert group["visible"]
    assert view["seconds"] == pytest.approx(4.0)
    assert max(view["peaks"]) == 127
    assert start["maximum"] == pytest.approx(3.0)
    assert (length["value"], length["maximum"]) == (3.0, pytest.approx(4.0))
    assert "Good level" in text


@pytest.mark.parametrize("seconds", [0.4, 1.0, 1.04, 1.97, 2.64, 3.0, 12.34])
def test_sliders_start_inside_their_ranges_whatever_the_clip(seconds: float, visit: Visit, tmp_path: Path) -> None:
    path = write_wav16(tmp_path / "some.wav", speechlike(seconds))
    _, _, start, length, *_ = load_clip(str(path), visit, LIMITS)
    assert start["value"] == 0 < start["maximum"]
    assert LIMITS.min_seconds <= length["value"] <= length["maximum"]


def test_a_file_that_is_no_sound_leaves_a_message_and_no_clip(visit: Visit, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"this is not a sound file")
    group, view, _, _, text, *_ = load_clip(str(broken), visit, LIMITS)
    assert not group["visible"]
    assert view is None
    assert 'role="alert"' in text
    assert "not a sound file" in text
    assert judge_cut(0, 3, visit, LIMITS).tone == "problem"


def test_names_in_messages_cannot_carry_markup(visit: Visit) -> None:
    visit.clip, visit.clip_error = None, "<script>alert(1)</script>"
    assert "<script>" not in judge_cut(0, 3, visit, LIMITS).html()
