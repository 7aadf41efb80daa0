"""Long work in a thread of its own, which reports how far it is and ends when the visitor wishes."""

import contextvars
import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from undertone.app.shared.visitor import Run
from undertone.engine import CallProgress

Result = TypeVar("Result")
REPORT_SECONDS = 0.25  # a browser needs no more


@dataclass(frozen=True)
class _End:
    """The end of a thread, with the error that ended it."""

    error: BaseException | None = None


def run_in_thread(run: Run, work: Callable[[CallProgress], Result]) -> Generator[float, None, Result]:
    """Do work in a thread, yield the fraction done, and return its result or raise its error.

    Closing the generator stops the work. The thread has the caller's context: by the request in it Gradio and a lent
    GPU know for whom they work.
    """
    fractions: queue.SimpleQueue[float | _End] = queue.SimpleQueue()
    progress = CallProgress(run.stop.is_set, lambda done, total: fractions.put(done / max(1, total)))
    results: list[Result] = []

    def target() -> None:
        try:
            results.append(work(progress))
            fractions.put(_End())
        except BaseException as error:  # handed to the caller, whatever it is
            fractions.put(_End(error))

    threading.Thread(target=contextvars.copy_context().run, args=(target,), daemon=True).start()
    try:
        latest = 0.0
        while True:
            try:
                item = fractions.get(timeout=REPORT_SECONDS)
            except queue.Empty:
                yield latest
                continue
            if isinstance(item, _End):
                break
            latest = item
    except GeneratorExit:
        run.stop.set()
        raise
    if item.error is not None:
        raise item.error
    return results[0]
