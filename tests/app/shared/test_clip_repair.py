"""Hum can be taken away where it was found; the repaired clip is an ordinary one, and the clip itself comes back."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.clips import speechlike, write_wav16
from undertone.app.shared.clip_repair import hums, original_clip, repair_clip, show_clip_repair
from undertone.app.shared.noise import BackgroundNoise
from undertone.app.shared.prompt_check import CutCheck
from undertone.app.shared.visitor import Visit
from undertone.engine import AudioError, AudioLimits

LIMITS = AudioLimits()


def check(visit: Visit, start: float, length: float) -> CutCheck:
    found = visit.check(start, length, LIMITS)
    assert found is not None
    return found


@pytest.fixture
def humming(visit: Visit, tmp_path: Path) -> Visit:
    time = torch.arange(64_000) / 16_000
    waveform = 0.5 * speechlike(4.0) + 0.05 * torch.sin(2 * torch.pi * 50 * time) + 0.2  # with an offset too
    visit.load(str(write_wav16(tmp_path / "hum.wav", waveform)))
    return visit


def test_hum_is_offered_taken_away_and_said(humming: Visit, tmp_path: Path) -> None:
    original = humming.clip_path
    before = check(humming, 1.0, 2.0)
    assert hums(before)
    repair, back, _ = show_clip_repair(humming, before)
    assert (repair["visible"], back["visible"]) == (True, False)

    repaired = repair_clip(humming, before, humming.folder)
    assert Path(repaired.path).is_relative_to(humming.folder)
    humming.load(repaired.path)
    assert humming.saved_cut == (0.0, 2.0)
    after = check(humming, 0.0, 2.0)
    assert after.background.hum_db is None
    assert after.note.tone == "good"
    assert "constant offset of 20.0 % of full scale, which was removed, and hum of 50 Hz" in after.note.text
    assert after.prompt is not None
    clean = 0.5 * speechlike(4.0)[16_000:48_000]
    assert torch.nn.functional.cosine_similarity(after.prompt.samples, clean, dim=0) > 0.99
    repair, back, save = show_clip_repair(humming, after)
    assert (repair["visible"], back["visible"], save["value"]) == (False, True, repaired.path)

    assert original_clip(humming) == original
    assert humming.saved_cut == (1.0, 2.0)
    humming.load(original)
    assert humming.repaired is None
    assert check(humming, 1.0, 2.0).background.hum_hz == 50


def test_a_second_repair_leads_back_to_the_first_clip(humming: Visit) -> None:
    original = humming.clip_path
    first = repair_clip(humming, check(humming, 0.5, 3.0), humming.folder)
    humming.load(first.path)
    hums_still = replace(check(humming, 0.2, 2.0), background=BackgroundNoise(hum_db=-44.0, hum_hz=50.0))
    second = repair_clip(humming, hums_still, humming.folder)
    assert (second.original, second.cut) == (original, (0.7, 2.0))
    assert not Path(first.path).exists()


def test_nothing_is_offered_for_a_clean_clip(visit: Visit, clip_path: Path) -> None:
    visit.load(str(clip_path))
    assert [update["visible"] for update in show_clip_repair(visit, check(visit, 0.0, 3.0))] == [False] * 3
    assert [update["visible"] for update in show_clip_repair(visit, None)] == [False] * 3


def test_a_clip_that_has_gone_is_said(humming: Visit) -> None:
    original = Path(humming.clip_path or "")
    humming.load(repair_clip(humming, check(humming, 0.0, 2.0), humming.folder).path)
    original.unlink()
    with pytest.raises(AudioError, match="Choose it again"):
        original_clip(humming)
