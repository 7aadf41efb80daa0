"""Going on from a take: its end is the next prompt, and its settings are written down with the next."""

from pathlib import Path

import pytest
import soundfile
import torch

from tests.app.continue_page.continuations import SETTINGS, finish
from undertone.app.continue_page.generation import continue_prompt
from undertone.app.continue_page.onward import MOST_LINKS, chain_length, onward_prompt, with_prompt_take
from undertone.app.continue_page.takes import take_files
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.visitor import Visit
from undertone.engine import Engine, SettingsError, TakeSettings


def go_on(engine: Engine, visit: Visit) -> None:
    """Go on from the first take of the visit."""
    onward = onward_prompt(visit, 0, SETTINGS.seconds, engine)
    assert onward is not None
    visit.ensure_loaded(onward.path)
    prompt = visit.prompt(onward.start, onward.start + onward.length, engine.limits)
    *_, last = continue_prompt(engine, prompt, SETTINGS, visit.begin(), Broadcast())
    visit.keep(with_prompt_take(last.takes, visit, onward.path))


@pytest.fixture
def begun(engine: Engine, visit: Visit) -> Visit:
    """A visit with the takes of a recording."""
    visit.keep(with_prompt_take(finish(engine, visit)[0][-1].takes, visit, "a recording"))
    return visit


def test_a_chain_replays_from_the_saved_sound_of_each_take(engine: Engine, begun: Visit) -> None:
    files = take_files(begun, 0)
    saved = files.wav.read_bytes(), TakeSettings.read(files.settings)
    assert saved[1].prompt_take is None
    assert "prompt_take" not in files.settings.read_text()  # as it was before there were chains
    sound, rate = soundfile.read(files.wav, dtype="float32")
    go_on(engine, begun)
    settings = TakeSettings.read(take_files(begun, 0).settings)
    assert settings.prompt_take == saved[1]
    again = engine.replay(settings, torch.from_numpy(sound), rate)
    assert torch.equal(again.audio, begun.takes[0].audio)


def test_the_prompt_ends_where_the_take_ends_and_leaves_room_for_what_follows(engine: Engine, begun: Visit) -> None:
    total = len(begun.takes[0].audio) / 16_000
    whole = onward_prompt(begun, 0, 1.0, engine)
    assert whole is not None
    assert (whole.start, whole.length) == (0.0, total)
    short = onward_prompt(begun, 0, engine.max_seconds - 1.5, engine)
    assert short is not None
    assert short.start + short.length == pytest.approx(total)
    assert short.length == pytest.approx(1.5)


def test_only_the_last_copy_stays(engine: Engine, begun: Visit) -> None:
    copies = [onward_prompt(begun, 0, 1.0, engine) for _ in range(3)]
    assert [Path(copy.path).is_file() for copy in copies if copy is not None] == [False, False, True]
    begun.close()
    assert copies[-1] is not None
    assert not Path(copies[-1].path).exists()


def test_a_chain_has_an_end_that_is_said(engine: Engine, begun: Visit) -> None:
    settings = begun.takes[0].settings
    for _ in range(MOST_LINKS - 1):
        settings = settings.model_copy(update={"prompt_take": settings})
    assert chain_length(settings) == MOST_LINKS
    assert len(settings.model_dump_json(indent=2)) < 100_000
    begun.keep([begun.takes[0].with_settings(prompt_take=settings)])
    with pytest.raises(SettingsError, match="Save its sound"):
        onward_prompt(begun, 0, 1.0, engine)


def test_without_a_take_there_is_nothing_to_go_on_from(engine: Engine, begun: Visit) -> None:
    assert onward_prompt(begun, 7, 1.0, engine) is None
