"""Work in a thread: it reports, gives its result, and stops when it should."""

from collections.abc import Generator
from contextvars import ContextVar

import pytest

from undertone.app.prosody.background import run_in_thread
from undertone.app.prosody.cards import Move
from undertone.app.prosody.edit_state import EditState
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.shared.visitor import Run
from undertone.engine import CallProgress, Cancelled, Engine, Sampling

SAMPLING = Sampling(steps=2)


def moved(editing: EditingSession, shift: float = 1.5, card: str = "z2") -> EditState:
    return editing.now.with_moves({card: Move(shift=shift)}, editing.cards)


def test_work_reports_and_gives_its_result() -> None:
    def work(progress: CallProgress) -> str:
        progress.update(1, 4)
        return "done"

    def collect() -> Generator[float, None, None]:
        results.append((yield from run_in_thread(Run(), work)))

    results: list[str] = []
    assert all(0 <= fraction <= 1 for fraction in collect())
    assert results == ["done"]


def test_work_knows_the_request_that_it_is_for() -> None:
    """Gradio, and who lends a GPU, find the request in the context; a new thread has none of its own."""
    request = ContextVar("request", default="nobody's")
    request.set("this visitor's")
    results: list[str] = []

    def collect() -> Generator[float, None, None]:
        results.append((yield from run_in_thread(Run(), lambda progress: request.get())))

    list(collect())
    assert results == ["this visitor's"]


def test_a_stopped_run_ends_and_keeps_what_was_there(engine: Engine, editing: EditingSession) -> None:
    run = Run()
    run.stop.set()
    with pytest.raises(Cancelled):
        list(run_in_thread(run, lambda progress: editing.render(moved(editing), progress)))
    assert moved(editing) not in editing.rendered


def test_a_closed_page_stops_its_work() -> None:
    run = Run()
    generator = run_in_thread(run, lambda progress: run.stop.wait(20))
    next(generator)
    generator.close()
    assert run.stop.is_set()
