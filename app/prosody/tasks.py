"""How work begins and ends: a task is taken once, and whatever happens to it, the page ends in one consistent state.

Quick steps answer at once, in any order; heavy work waits for the model. Cards, history, sound, picture, numbers and
files agree whenever nothing is under way: a run that ends shows them, and one that is cancelled or fails takes the
arrangement back to what is heard and seen.
"""

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from undertone.app.prosody.status import Updates
from undertone.app.prosody.visit import Kind, ProsodyVisit, Task
from undertone.app.shared.runs import RESTARTING, RUNS
from undertone.app.shared.widgets import EVERY, Note
from undertone.engine import UndertoneError
from undertone.engine.prosody import Cancelled

if TYPE_CHECKING:
    from undertone.app.prosody.controller import PageController

Work = Callable[..., Iterator[Updates]]
CANCELLED = Note("quiet", "Cancelled. What you hear and see is what was there before.")
FAULT = Note("problem", "This went wrong on the server. What you hear and see is what was there before; try again.")
FROM_SHOWN: tuple[Kind, ...] = ("audition", "draw", "second", "continue")  # they begin from what the page shows
log = logging.getLogger(__name__)


def run_task(
    controller: "PageController", visit: ProsodyVisit, kind: Kind, work: Work, *values: Any
) -> Iterator[Updates]:
    """Work for the visitor's task, unless it was replaced, cancelled or taken while this waited.

    Where nothing is under way then, the page is shown as it is: an answer that came late may have said otherwise.
    """
    task = visit.taken(kind)
    if task is not None and task.run.start():
        yield from guard_task(controller, visit, task, _whole(controller, visit, task, work(visit, task, *values)))
    elif not visit.under_way:
        if RUNS.are_ending:
            visit.rest(RESTARTING)
        yield controller.settled(visit)


def _whole(controller: "PageController", visit: ProsodyVisit, task: Task, work: Iterator[Updates]) -> Iterator[Updates]:
    if task.kind in FROM_SHOWN:
        yield from controller.catch_up(visit, task)
    yield from work


def guard_task(
    controller: "PageController", visit: ProsodyVisit, task: Task, work: Iterator[Updates]
) -> Iterator[Updates]:
    """Pass on what the work for a task shows; errors become notes, and the task's run ends with it."""
    try:
        yield from work
    except Cancelled:
        yield from _given_up(controller, visit, task, RUNS.word(CANCELLED))
    except UndertoneError as error:
        yield from _given_up(controller, visit, task, Note("problem", str(error)))
    except Exception:
        log.exception("work of the kind %s on the Prosody page failed", task.kind)
        yield from _given_up(controller, visit, task, FAULT)
    finally:
        visit.finish(task.run)


def _given_up(controller: "PageController", visit: ProsodyVisit, task: Task, note: Note) -> Iterator[Updates]:
    """Show the page as it was before, unless something newer is on its way, which says so itself."""
    with visit.lock:
        if visit.task is not task:
            return
        visit.finish(task.run)
        visit.rest(note)
        updates = controller.settled(visit)
    yield updates


def bind_cancel(controller: "PageController") -> None:
    """Cancel stops whatever runs; what can be heard and seen stays, and the cards go back to it."""

    def stop(visit: ProsodyVisit) -> Updates:
        with visit.lock:
            if visit.under_way:
                visit.cancel()
                visit.rest(CANCELLED)
            return controller.settled(visit, whole=False)

    controller.work(
        controller.status.cancel.click(stop, controller.visit, controller.outputs, **EVERY), "render", controller.render
    )
