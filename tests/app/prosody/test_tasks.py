"""Tasks: whatever happens to one, it ends once, says why, and leaves a newer one alone."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from undertone.app.prosody import tasks
from undertone.app.prosody.page import lay_out
from undertone.app.prosody.page_view import PageView
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.context import Context
from undertone.app.shared.visitor import Run
from undertone.engine import Cancelled, SettingsError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Cancelled(), "Cancelled"),
        (SettingsError("seed is 3; expected 4."), "Seed is 3"),
        (ZeroDivisionError("/a/path/of/the/server"), "went wrong on the server"),
    ],
)
def test_work_that_fails_ends_the_run_and_says_why(view: PageView, error: Exception, words: str) -> None:
    visit = ProsodyVisit(view.context.folder)
    visit.start("render")
    task = visit.current_task("render")
    assert task is not None
    shown = list(tasks.guard_task(view, visit, task, failing(error)))
    assert task.run.stop.is_set()
    assert visit.run is None
    assert [words in update[view.status.note] for update in shown] == [True]
    assert "/a/path" not in str(shown)


def test_work_that_was_replaced_says_nothing(view: PageView) -> None:
    visit = ProsodyVisit(view.context.folder)
    visit.start("render")
    task = visit.current_task("render")
    assert task is not None
    work = tasks.guard_task(view, visit, task, waiting(task.run))
    next(work)
    visit.start("draft")
    assert list(work) == []
    assert visit.current_task("draft") is not None


def test_work_that_comes_too_late_leaves_the_newer_task_alone(view: PageView) -> None:
    """A draft that waited for the model while the slider was let go must not end the rendering that followed."""
    visit = ProsodyVisit(view.context.folder)
    visit.start("draft")
    visit.start("render")
    assert list(tasks.run_task(view, visit, "draft", lambda visit, task: failing(SettingsError("never")))) == []
    assert visit.current_task("render") is not None
    assert list(tasks.run_task(view, visit, "render", lambda visit, task: iter([{}]))) == [{}]
    assert visit.current_task("render") is None


def test_work_that_finds_nothing_to_do_says_that_nothing_is_under_way(view: PageView) -> None:
    """Else "Speaking" would stay, where the answer that says so came after the work had ended."""
    visit = ProsodyVisit(view.context.folder)
    visit.start("render")
    visit.cancel()
    (update,) = tasks.run_task(view, visit, "render", lambda visit, task: failing(SettingsError("never")))
    assert update[view.status.note] == ""
    assert update[view.status.cancel]["visible"] is False


def test_whoever_waits_is_told_the_place_in_the_queue(view: PageView) -> None:
    visit = ProsodyVisit(view.context.folder)
    visit.start("render")
    somebody = view.context.queue.join("somebody", 20.0)
    shown = tasks.run_task(view, visit, "render", lambda visit, task: iter([{}]))
    assert "You are next, about" in str(next(shown)[view.status.note])
    view.context.queue.leave(somebody, finished=False)
    assert list(shown) == [{}]


@pytest.fixture
def view(context: Context) -> PageView:
    with gr.Blocks():
        return lay_out(context)[1]


def failing(error: Exception) -> Iterator[dict[Any, Any]]:
    raise error
    yield {}


def waiting(run: Run) -> Iterator[dict[Any, Any]]:
    yield {}
    assert run.stop.is_set()
    raise Cancelled
