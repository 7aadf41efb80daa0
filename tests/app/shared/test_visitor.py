"""A visitor: one run at a time, the clip that the page shows, and nothing of anybody else's."""

import copy
from pathlib import Path

from undertone.app.shared.context import Context
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
