"""One press of Continue: progress, sound as it is made, stopping, and that visitors never meet."""

import base64
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch

from tests.clips import speechlike
from undertone.app.continue_page.controls import ContinuationSettings
from undertone.app.continue_page.generation import GenerationProgress, continue_prompt
from undertone.app.continue_page.page import FigurePanel, RunPanel, _build_figure_panel, _build_run_panel, run_updates
from undertone.app.continue_page.takes import TakeCards, build_take_cards, take_files
from undertone.app.shared.context import Context
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.prompt_clip import PromptClip
from undertone.app.shared.visitor import Visit
from undertone.engine import AudioError, Engine, Sampling, SettingsError

SETTINGS = ContinuationSettings(seconds=1.0, num_takes=2, seed=7, sampling=Sampling(steps=2, end="never"))


def finish(
    engine: Engine, visit: Visit, settings: ContinuationSettings = SETTINGS
) -> tuple[list[GenerationProgress], Broadcast]:
    broadcast = Broadcast()
    prompt = visit.prompt(0.5, 2.0, engine.limits)
    return list(continue_prompt(engine, prompt, settings, visit.begin(), broadcast)), broadcast


def test_a_run_ends_with_its_takes_and_their_settings(engine: Engine, visit: Visit) -> None:
    reports, _ = finish(engine, visit)
    takes = reports[-1].takes
    assert [take.settings.index for take in takes] == [0, 1]
    assert takes[0].prompt_frames == 75
    assert takes[0].audio.numel() == (75 + 50) * 320
    assert takes[0].settings.prompt_start_seconds == 0.5
    fractions = [report.fraction for report in reports if report.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_what_was_heard_live_is_the_first_take(engine: Engine, visit: Visit) -> None:
    reports, broadcast = finish(engine, visit)
    data = b"".join(base64.b64decode(chunk) for chunk in broadcast.chunks)
    heard = np.frombuffer(data, "<i2")
    expected = (reports[-1].takes[0].audio.clamp(-1, 1) * 32767).round().short().numpy()
    np.testing.assert_array_equal(heard, expected)


def test_the_browser_is_told_where_the_prompt_ends(engine: Engine, visit: Visit) -> None:
    reports, broadcast = finish(engine, visit)
    assert broadcast.value()["prompt"] == reports[-1].takes[0].prompt_samples


def test_a_fault_of_the_server_ends_the_run_and_keeps_its_words_to_itself(
    context: Context, visit: Visit, parts: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError("/a/path/of/the/server")

    monkeypatch.setattr(type(context.engine), "analyse_prompt", fail)
    visit.begin()
    *_, last = run_updates(context, visit, 0.5, 1.5, VALUES, *parts)
    assert "went wrong" in last[parts[0].note]
    assert "/a/path" not in str(last)
    assert visit.run is None


def test_the_same_seed_gives_the_same_takes(engine: Engine, visit: Visit) -> None:
    first, second = (finish(engine, visit)[0][-1].takes for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.audio, other.audio)


def test_a_stopped_run_ends_without_takes(engine: Engine, visit: Visit) -> None:
    run = visit.begin()
    long = ContinuationSettings(seconds=15.0, num_takes=1, seed=7, sampling=Sampling(steps=2, end="never"))
    reports = []
    for report in continue_prompt(engine, visit.prompt(0.0, 2.0, engine.limits), long, run, Broadcast()):
        reports.append(report)
        if report.fraction:
            visit.cancel()
    assert not any(report.takes for report in reports)
    assert reports[-1].fraction is not None
    assert reports[-1].fraction < 1


def test_a_new_run_stops_the_one_before(visit: Visit) -> None:
    first = visit.begin()
    second = visit.begin()
    assert first.stop.is_set()
    assert not second.stop.is_set()


def test_without_a_clip_the_visitor_is_told_what_to_do(engine: Engine, context: Context) -> None:
    with pytest.raises(AudioError, match="Record, upload or choose"):
        finish(engine, context.new_visit())


def test_more_seconds_than_the_model_has_are_refused(engine: Engine, visit: Visit) -> None:
    with pytest.raises(SettingsError, match="shorter prompt"):
        finish(engine, visit, ContinuationSettings(500.0, 1, 7, Sampling()))


def test_two_visitors_have_their_own_clips_takes_and_files(engine: Engine, context: Context, visit: Visit) -> None:
    other = context.new_visit()
    other.clip = PromptClip(speechlike(4.0, hz=220, seed=5), 16_000)
    for one in (visit, other):
        one.keep(list(finish(engine, one)[0][-1].takes))
        take_files(one, 0)
    assert not torch.equal(visit.takes[0].audio, other.takes[0].audio)
    assert visit.folder != other.folder
    ours, theirs = take_files(visit, 0).wav, take_files(other, 0).wav
    assert ours.read_bytes() != theirs.read_bytes()
    assert ours.is_relative_to(visit.folder)
    assert not theirs.is_relative_to(visit.folder)


def test_a_run_uses_the_clip_that_the_page_shows(visit: Visit, clip_path: Path) -> None:
    """Even where Continue was pressed before the new clip had been read, or the server has forgotten it."""
    visit.load(None)
    visit.ensure_loaded(str(clip_path))
    assert visit.clip is not None
    loaded = visit.clip
    visit.ensure_loaded(str(clip_path))
    assert visit.clip is loaded
    visit.ensure_loaded(None)
    assert visit.clip is None


def test_leaving_stops_only_the_visitor_who_left(context: Context) -> None:
    here, there = context.new_visit(), context.new_visit()
    runs = here.begin(), there.begin()
    context.remember("a", here)
    context.remember("b", there)
    context.leave("a")
    context.leave("unknown")
    assert [run.stop.is_set() for run in runs] == [True, False]


def test_each_visitor_starts_with_an_empty_visit(visit: Visit) -> None:
    visit.begin()
    fresh = copy.deepcopy(visit)
    assert fresh is not visit
    assert fresh.clip is None
    assert fresh.run is None
    assert fresh.root == visit.root


def test_a_closed_visit_leaves_no_file_behind(engine: Engine, visit: Visit) -> None:
    visit.keep(list(finish(engine, visit)[0][-1].takes))
    folder = take_files(visit, 1).wav.parent
    assert folder.is_dir()
    visit.close()
    assert not folder.exists()
    assert not visit.takes


VALUES = ("custom", 15.0, 1, 7, 0.85, 1.0, 0.85, 1.0, 2, "never")


@pytest.fixture
def parts(context: Context) -> Iterator[tuple[RunPanel, TakeCards, FigurePanel]]:
    """What a run reports to, as keys of its updates."""
    with gr.Blocks():
        yield _build_run_panel(), build_take_cards(context), _build_figure_panel()


def test_a_cancelled_run_says_so_last(context: Context, visit: Visit, parts: tuple[Any, Any, Any]) -> None:
    run = visit.begin()
    said = []
    for updates in run_updates(context, visit, 0.5, 1.5, VALUES, *parts):
        said.append(updates[parts[0].note])
        visit.cancel()
    assert "Cancelled" in said[-1]
    assert run.started
    assert visit.run is None


def test_a_run_that_was_cancelled_while_it_waited_says_nothing(
    context: Context, visit: Visit, parts: tuple[Any, Any, Any]
) -> None:
    visit.begin()
    visit.cancel()
    assert not list(run_updates(context, visit, 0.5, 1.5, VALUES, *parts))


def test_a_run_that_was_replaced_says_nothing_more(context: Context, visit: Visit, parts: tuple[Any, Any, Any]) -> None:
    visit.begin()
    reports = run_updates(context, visit, 0.5, 1.5, VALUES, *parts)
    next(reports)
    newer = visit.begin()
    assert not any("Cancelled" in updates[parts[0].note] for updates in reports)
    assert visit.run is newer
