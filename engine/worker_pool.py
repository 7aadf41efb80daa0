"""Worker processes: they start fresh, use one thread each, and never outlive the process they work for.

A pool of `concurrent.futures` waits on a queue whose two ends its workers hold themselves, so workers of a killed
process would wait for ever, half a gigabyte each. Here every worker watches its parent and ends with it.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, connection, get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")


@contextmanager
def worker_pool(
    workers: int, start: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of processes; when its block ends with an error, work that was not begun is dropped.

    Args:
        workers: how many processes.
        start: called once in every worker, with `arguments`, which are pickled.
    """
    others = set(active_children())
    context = get_context("spawn")  # a forked process would inherit threads that torch has already started
    pool = ProcessPoolExecutor(workers, context, _begin, (start, arguments))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in set(active_children()) - others:  # what they are at is made again; nobody waits for its end
            worker.terminate()
        raise
    pool.shutdown()


def map_in_processes(work: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> Iterator[Result]:
    """Yield the results in the order of the jobs, which are made only a little ahead of the workers.

    Args:
        work: a function of a module, which is pickled by its name.
        jobs: pickled one by one.
        workers: how many processes; 0 works in this one.
    """
    if workers == 0:
        yield from map(work, jobs)
        return
    with worker_pool(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _begin(start: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Prepare a worker: Ctrl-C is for its parent alone, which then drops the work and lets it go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    if start is not None:
        start(*arguments)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
