"""Worker processes: they start without their parent's state, use one thread each, and never outlive it.

A pool of `concurrent.futures` waits on a queue whose two ends its workers hold themselves, so workers of a killed
process would wait for ever, half a gigabyte each. Here every worker watches its parent and ends with it.
"""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from math import ceil
from multiprocessing import active_children, connection, forkserver, get_context, parent_process
from multiprocessing.context import BaseContext
from threading import Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_workers(
    build: Callable[..., Callable[[Item], Result]],
    arguments: tuple[Any, ...],
    items: Iterable[Item],
    workers: int,
    chunk_size: int = 1,
) -> Iterator[Result]:
    """Yield the result of every item, in order; the items are listed at once.

    Args:
        build: returns the task from `arguments`; called once in every process, so that what a task holds (a network,
            memory-mapped files) is neither sent nor read for every item.
        arguments: pickled, with several workers.
        workers: how many processes at most; with one or none, or one chunk of items, the work is done in this one.
        chunk_size: items that are sent to a worker at once.
    """
    items = list(items)
    workers = min(workers, ceil(len(items) / chunk_size))  # a process takes seconds to start: none for nothing
    if workers <= 1:
        yield from map(build(*arguments), items)
        return
    with worker_pool(workers, _build_task, (build, arguments)) as pool:
        yield from pool.map(_run_task, items, chunksize=chunk_size)


def map_in_processes(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield the result of every item, in order; large items are made only a little ahead of the workers.

    Args:
        work: a function of a module, which is pickled by its name.
        items: pickled one by one.
        workers: how many processes; 0 works in this one.
    """
    if workers == 0:
        yield from map(work, items)
        return
    with worker_pool(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_task: Callable[[Any], Any]  # of this worker process


def _build_task(build: Callable[..., Callable[[Any], Any]], arguments: tuple[Any, ...]) -> None:
    global _task
    _task = build(*arguments)


def _run_task(item: Any) -> Any:
    return _task(item)


@contextmanager
def worker_pool(
    workers: int, start: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of processes; when its block ends with an error, items that were not started are dropped.

    Args:
        workers: how many processes.
        start: called once in every worker, with `arguments`, which are pickled.
    """
    others = set(active_children())
    pool = ProcessPoolExecutor(workers, _context(), _begin, (dict(os.environ), start, arguments))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in set(active_children()) - others:  # their items are done again; nobody waits for them to end
            worker.terminate()
        raise
    pool.shutdown()


def _context() -> BaseContext:
    """Return how workers are started: not as forks of this process, whose threads, those of torch, they would lack.

    On Linux they are forks of one that has imported torch and nothing else, which they need not do again, each for
    seconds. It finds modules where this process does and nowhere else: not in the current folder, as Python would.
    """
    if not sys.platform.startswith("linux"):
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch", __name__])
    changed = {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return context


def _begin(environment: dict[str, str], start: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Set a worker up: only its parent handles Ctrl-C, and ends the worker then.

    Args:
        environment: of the parent, of now.
    """
    import torch  # not by the processes that only start workers

    os.environ.clear()
    os.environ.update(environment)
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
