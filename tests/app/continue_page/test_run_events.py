"""A run of the Continue page: how it ends, and what it says last."""

from typing import Any

import pytest

from undertone.app.continue_page.run_events import result_updates, run_updates
from undertone.app.shared.context import Context
from undertone.app.shared.visitor import Visit


def test_a_fault_of_the_server_ends_the_run_and_keeps_its_words_to_itself(
    context: Context, visit: Visit, parts: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError("/a/path/of/the/server")

    monkeypatch.setattr(type(context.engine), "analyse_prompt", fail)
    visit.begin()
    *_, last = run_updates(context, visit, 0.5, 1.5, VALUES, parts[0])
    assert "went wrong" in last[parts[0].note]
    assert "/a/path" not in str(last)
    assert visit.run is None


VALUES = ("custom", 15.0, 1, 7, 0.85, 1.0, 0.85, 1.0, 2, "never", 2.0)


def test_a_cancelled_run_says_so_last(context: Context, visit: Visit, parts: tuple[Any, Any, Any]) -> None:
    run = visit.begin()
    said = []
    for updates in run_updates(context, visit, 0.5, 1.5, VALUES, parts[0]):
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
    assert not list(run_updates(context, visit, 0.5, 1.5, VALUES, parts[0]))


def test_whoever_waits_is_told_the_place_in_the_queue(
    context: Context, visit: Visit, parts: tuple[Any, Any, Any]
) -> None:
    turns = [context.queue.join(somebody, 20.0) for somebody in ("one", "two")]
    visit.begin()
    said = []
    for updates in run_updates(context, visit, 0.5, 1.5, VALUES, parts[0]):
        said.append(updates[parts[0].note])
        visit.cancel() if context.queue.num_waiting == 0 else context.queue.leave(turns.pop(0), finished=False)
    assert "1 before you, about" in said[0]
    assert "You are next, about" in said[1]
    assert "Cancelled" in said[-1]


def test_a_run_that_was_replaced_says_nothing_more(context: Context, visit: Visit, parts: tuple[Any, Any, Any]) -> None:
    visit.begin()
    reports = run_updates(context, visit, 0.5, 1.5, VALUES, parts[0])
    next(reports)
    newer = visit.begin()
    assert not any("Cancelled" in updates[parts[0].note] for updates in reports)
    assert visit.run is newer


def test_without_a_clip_the_visitor_is_told_what_to_do(context: Context, parts: tuple[Any, Any, Any]) -> None:
    visit = context.new_visit()
    visit.begin()
    (updates,) = run_updates(context, visit, 0.0, 3.0, VALUES, parts[0])
    assert "Record, upload or choose" in updates[parts[0].note]
    assert visit.run is None


@pytest.fixture
def finished(context: Context, visit: Visit, parts: tuple[Any, Any, Any]) -> Visit:
    """Return a visit whose run has just finished."""
    visit.begin()
    *_, last = run_updates(context, visit, 0.5, 1.5, ("custom", 0.5, *VALUES[2:]), parts[0])
    assert "Drawing" in last[parts[0].note]
    assert last[parts[0].live]["done"]
    assert visit.to_show is visit.shown is not None
    return visit


def test_the_takes_of_a_run_are_shown_once_before_its_picture_and_its_note(
    context: Context, finished: Visit, parts: tuple[Any, Any, Any]
) -> None:
    panel, cards, figure = parts
    takes, picture, said = result_updates(context, finished, *parts)
    assert set(takes) == set(cards.outputs)
    assert takes[cards.cards[0].player] is not None
    assert set(figure.outputs) <= set(picture)
    assert "1 take made with seed 7" in said[panel.note]
    assert set(said) == {panel.go, panel.cancel, panel.note}, "the live player still plays"
    assert not list(result_updates(context, finished, *parts))


def test_a_run_that_begins_meanwhile_keeps_the_panel(
    context: Context, finished: Visit, parts: tuple[Any, Any, Any]
) -> None:
    updates = result_updates(context, finished, *parts)
    next(updates)
    finished.begin()
    assert not any(parts[0].note in update for update in updates)


def test_takes_stay_where_their_picture_fails(
    context: Context, finished: Visit, parts: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise OSError("/a/path/of/the/server")

    monkeypatch.setattr("undertone.app.continue_page.run_events.show_figure", fail)
    takes, said = result_updates(context, finished, *parts)
    assert takes[parts[1].cards[0].player] is not None
    assert "went wrong" in said[parts[0].note]
    assert "/a/path" not in str(said)
