"""Links to takes: the prompt goes with one only where it was shared, and then makes the same bytes again."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.app.continue_page.continuations import SETTINGS
from tests.clips import speechlike, write_wav16
from undertone.app.continue_page.generation import continue_prompt
from undertone.app.continue_page.take_links import (
    MOST_SHARED,
    check_readable,
    open_linked_prompt,
    share_prompt,
    withdraw_prompt,
)
from undertone.app.continue_page.takes import show_boundary
from undertone.app.shared.context import Context
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.saved_settings import take_cut
from undertone.app.shared.shared_prompts import SharedPrompts
from undertone.app.shared.visitor import Visit
from undertone.engine import Engine, TakeSettings, UndertoneError, check_prompt, read_audio


@pytest.fixture
def shared_folder(tmp_path: Path) -> Path:
    return tmp_path / "shared"


@pytest.fixture
def sharing(context: Context, shared_folder: Path) -> Context:
    """A site that keeps prompts."""
    return replace(context, shared_prompts=SharedPrompts(shared_folder))


@pytest.fixture
def made(sharing: Context, visit: Visit, tmp_path: Path) -> Visit:
    """A visit with takes of a cut of a clip at 44.1 kHz, whose length at 16 kHz is no round number."""
    visit.load(str(write_wav16(tmp_path / "other.wav", speechlike(4.0), 44_100)))
    run(sharing.engine, visit, 0.1, 1.237)
    return visit


def run(engine: Engine, visit: Visit, start: float, length: float) -> None:
    prompt = visit.prompt(start, start + length, engine.limits)
    *_, last = continue_prompt(engine, prompt, SETTINGS, visit.begin(), Broadcast())
    visit.keep(list(last.takes), prompt)


def test_a_stranger_with_the_link_makes_the_same_sound_until_it_is_withdrawn(
    sharing: Context, made: Visit, shared_folder: Path
) -> None:
    before = show_boundary(sharing, made, 1)["prompt"]
    assert (before["key"], before["name"]) == (None, None)
    assert not shared_folder.exists()  # nothing is kept before the visitor agrees
    shared = share_prompt(sharing, made, 1, made.take_name(1))["prompt"]
    assert share_prompt(sharing, made, 0, made.take_name(0))["prompt"]["name"] == shared["name"]
    assert len(list(shared_folder.iterdir())) == 1

    stranger = sharing.new_visit()
    path = open_linked_prompt(sharing, stranger, shared["name"])
    assert path is not None
    assert Path(path).is_relative_to(stranger.folder)
    settings = TakeSettings.parse(shared["settings"])
    stranger.load(path)
    run(sharing.engine, stranger, *take_cut(settings))
    assert torch.equal(stranger.takes[1].audio, made.takes[1].audio)
    assert torch.equal(sharing.engine.replay(settings, *read_audio(path)).audio, made.takes[1].audio)

    assert withdraw_prompt(sharing, made, shared["key"])["key"] == shared["key"]
    assert open_linked_prompt(sharing, stranger, shared["name"]) is None
    again = share_prompt(sharing, made, 1, made.take_name(1))["prompt"]
    assert again["name"] != shared["name"]
    assert open_linked_prompt(sharing, stranger, again["name"]) is not None
    assert not Path(path).exists()  # one linked prompt is kept at a time
    path = str(stranger.linked_path)
    stranger.close()
    assert not Path(path).exists()


def test_a_press_for_a_take_that_is_not_shown_shares_nothing(sharing: Context, made: Visit) -> None:
    old = made.take_name(0)
    run(sharing.engine, made, 0.0, 1.2)
    share_prompt(sharing, made, 0, old)
    share_prompt(sharing, made, 9, made.take_name(9))
    assert not made.shared_keys


def test_what_hinders_is_said(context: Context, sharing: Context, made: Visit) -> None:
    assert show_boundary(context, made, 0)["prompt"] is None  # a site that keeps none offers nothing
    made.shared_keys = dict.fromkeys(range(100, 100 + MOST_SHARED), "k" * 32)
    said = share_prompt(sharing, made, 0, made.take_name(0))["prompt"]
    assert said["key"] is None
    assert "Reload" in said["problem"]


def test_a_prompt_that_would_be_read_as_another_is_not_shared(context: Context) -> None:
    prompt = check_prompt(speechlike(1.5), 16_000)
    check_readable(prompt, context.limits)
    with pytest.raises(UndertoneError, match="Share the settings alone"):
        check_readable(prompt + 0.1, context.limits)  # its offset would be removed
