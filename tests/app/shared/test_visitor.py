"""A visitor: one run at a time, the clip that the page shows, and nothing of anybody else's."""

import copy
import threading
from pathlib import Path

import pytest

from undertone.app.shared.context import Context
from undertone.app.shared.prompt_clip import PromptClip
from undertone.app.shared.visitor import Visit


def test_a_new_run_stops_the_one_before(visit: Visit) -> None:
    first = visit.begin()
    second = visit.begin()
    assert first.stop.is_set()
    assert not second.stop.is_set()


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


def test_a_press_waits_for_a_clip_that_is_still_being_read(
    context: Context, clip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, began, release = PromptClip.read, threading.Event(), threading.Event()
    reads: list[str] = []
    found: list[PromptClip | None] = []

    def read_slowly(path: str) -> PromptClip:
        reads.append(path)
        began.set()
        assert release.wait(60)
        return read(path)

    def press() -> None:
        visit.ensure_loaded(str(clip_path))
        found.append(visit.clip)

    monkeypatch.setattr(PromptClip, "read", read_slowly)
    visit = context.new_visit()
    threads = [threading.Thread(target=visit.load, args=[str(clip_path)]), threading.Thread(target=press)]
    threads[0].start()
    assert began.wait(60)
    threads[1].start()
    threads[1].join(0.5)  # a press that did not wait would be over, without a clip
    release.set()
    for thread in threads:
        thread.join(60)
    assert reads == [str(clip_path)]
    assert found == [visit.clip]
    assert visit.clip is not None


def test_an_event_with_the_same_file_reads_nothing(context: Context, clip_path: Path) -> None:
    visit = context.new_visit()
    visit.load(str(clip_path))
    clip = visit.clip
    visit.load(str(clip_path))
    assert visit.clip is clip
    visit.load(None)
    assert visit.clip is None
