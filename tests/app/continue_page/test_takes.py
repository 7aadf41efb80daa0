"""Takes: every visitor has files of their own, and they go with the visit."""

import threading
from dataclasses import replace

import pytest
import torch

from tests.app.continue_page.continuations import SETTINGS, finish
from tests.clips import speechlike
from undertone.app.continue_page.generation import continue_prompt
from undertone.app.continue_page.takes import take_files, take_sounds
from undertone.app.shared.context import Context
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.prompt_clip import PromptClip
from undertone.app.shared.visitor import MOST_RUNS, Visit
from undertone.engine import Engine


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


def test_a_closed_visit_leaves_no_file_behind(engine: Engine, visit: Visit) -> None:
    visit.keep(list(finish(engine, visit)[0][-1].takes))
    folder = take_files(visit, 1).wav.parent
    assert folder.is_dir()
    visit.close()
    assert not folder.exists()
    assert not visit.takes


def test_a_visit_keeps_a_bounded_number_of_runs_and_their_files(engine: Engine, visit: Visit) -> None:
    takes = list(finish(engine, visit)[0][-1].takes)
    folders = []
    for _ in range(MOST_RUNS + 2):
        visit.keep(takes)
        folders.append(take_files(visit, 0).wav.parent)
    assert [run.number for run in visit.runs] == list(range(3, MOST_RUNS + 3))
    assert [folder.is_dir() for folder in folders] == [False] * 2 + [True] * MOST_RUNS
    visit.close()
    assert not any(folder.exists() for folder in folders)


def test_thirty_runs_leave_what_the_last_ones_keep(engine: Engine, context: Context, visit: Visit) -> None:
    settings, sizes, threads = replace(SETTINGS, seconds=0.1, num_takes=1), list[int](), list[int]()
    prompt = visit.prompt(0.5, 1.5, engine.limits)
    speech = engine.analyse_prompt(prompt)
    for seed in range(30):
        again = replace(settings, seed=seed)
        run, broadcast = visit.begin(), Broadcast()
        *_, last = continue_prompt(engine, prompt, again, run, broadcast, lambda _: speech)
        visit.finish(run)
        visit.keep(list(last.takes), prompt)
        take_files(visit, 0)
        sizes.append(sum(path.stat().st_size for path in context.folder.rglob("*")))
        threads.append(threading.active_count())
    assert len(visit.runs) == MOST_RUNS
    assert max(sizes) <= 1.1 * sizes[MOST_RUNS - 1]
    assert len(set(threads[1:])) == 1
    visit.close()
    assert not [path for path in context.folder.rglob("*") if path.is_file()]


def test_runs_go_where_their_sounds_are_too_many_bytes_but_never_the_newest(
    engine: Engine, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undertone.app.shared.visitor.MOST_RUN_BYTES", 1)
    takes = list(finish(engine, visit)[0][-1].takes)
    visit.keep(takes)
    visit.keep(takes)
    assert [run.number for run in visit.runs] == [2]


def test_the_same_seed_with_other_settings_has_files_of_its_own(engine: Engine, visit: Visit) -> None:
    sounds = []
    for seconds in (1.0, 2.0):
        visit.keep(list(finish(engine, visit, replace(SETTINGS, seconds=seconds))[0][-1].takes))
        sounds.append(take_files(visit, 0).wav.read_bytes())
    assert len(sounds[0]) < len(sounds[1])


def test_an_earlier_run_is_shown_again_and_one_that_is_gone_changes_nothing(engine: Engine, visit: Visit) -> None:
    takes = list(finish(engine, visit)[0][-1].takes)
    visit.keep(takes[:1])
    visit.keep(takes)
    assert visit.show_run(1)
    assert visit.takes == takes[:1]
    assert not visit.show_run(9)
    assert visit.takes == takes[:1]
    assert [name for name, _ in take_sounds(visit)] == ["run 1, take 1", "run 2, take 1", "run 2, take 2"]
