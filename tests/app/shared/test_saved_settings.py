"""Saved settings: read back, compared, refused with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from undertone.app.continue_page.generation import continue_prompt
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.opening import ContinuationSettings
from undertone.app.shared.prompt_panel import load_clip
from undertone.app.shared.saved_settings import describe_outcome, differences_text, read_take_settings, take_cut
from undertone.app.shared.visitor import Visit
from undertone.engine import AudioLimits, Engine, Sampling, SettingsError, Take


@pytest.fixture
def takes(engine: Engine, visit: Visit) -> list[Take]:
    settings = ContinuationSettings(1.0, 2, 7, Sampling(steps=2, end="never"))
    reports = continue_prompt(engine, visit.prompt(0.5, 2.0, engine.limits), settings, visit.begin(), Broadcast())
    return list(list(reports)[-1].takes)


def saved_bytes(take: Take, **changes: Any) -> bytes:
    return json.dumps({**take.settings.model_dump(mode="json"), **changes}).encode()


def test_saved_settings_come_back_whole(takes: list[Take], engine: Engine) -> None:
    saved = read_take_settings(saved_bytes(takes[1]), max_takes=4)
    assert saved == takes[1].settings
    assert differences_text(saved, engine) == []
    assert describe_outcome(saved, takes) == "Take 2 is the saved one again."


def test_another_model_or_clip_is_named(takes: list[Take], engine: Engine) -> None:
    other_model = read_take_settings(saved_bytes(takes[0], bundle_sha256="0" * 64, bundle_name="other"), 4)
    assert differences_text(other_model, engine) == ["model (other)"]
    other_clip = read_take_settings(saved_bytes(takes[0], prompt_sha256="0" * 64), 4)
    assert "clip or its cut differs" in (describe_outcome(other_clip, takes) or "")


def test_a_take_drawn_together_with_others_comes_again_to_rounding(takes: list[Take]) -> None:
    saved = read_take_settings(saved_bytes(takes[0], together=True), 4)
    assert (describe_outcome(saved, takes) or "").startswith("Take 1 is the saved one again, to rounding:")


def test_changed_controls_are_not_called_a_replay(takes: list[Take]) -> None:
    assert describe_outcome(read_take_settings(saved_bytes(takes[0], seed=8), 4), takes) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "holds a list; expected the settings of a take"),
        (b"{}", "the settings file"),
        (b'{"seed": 1, "surprise": 2}', "the settings file"),
        (b" " * 200_000, "Choose the .json file"),
    ],
)
def test_a_file_that_is_no_settings_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_take_settings(data, max_takes=4)


def test_more_takes_than_the_page_makes_are_refused(takes: list[Take]) -> None:
    with pytest.raises(SettingsError, match="at most 4"):
        read_take_settings(saved_bytes(takes[0], num_takes=8), max_takes=4)


def test_the_saved_cut_is_taken_over_by_the_next_clip_it_fits(takes: list[Take], visit: Visit, clip_path: Path) -> None:
    limits = AudioLimits()
    visit.saved_cut = take_cut(takes[0].settings)
    assert visit.saved_cut == (0.5, 1.5)
    _, view, start, length, *_ = load_clip(str(clip_path), visit, limits)
    assert (view["start"], start["value"], length["value"]) == (0.5, 0.5, 1.5)
    _, view, start, length, *_ = load_clip(str(clip_path), visit, limits)
    assert (start["value"], length["value"]) == (0.0, 3.0)
    visit.saved_cut = (100.0, 3.0)
    assert load_clip(str(clip_path), visit, limits)[2]["value"] == 0.0
