"""Measures in processes of their own, a clip each."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

import torch

Job = TypeVar("Job")


Result = TypeVar("Result")


def in_background(work: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> Iterator[Result]:
    """Results in the order of the jobs, which are made only a little ahead of the workers.

    Args:
        workers: processes; 0 works in this one.
    """
    if workers == 0:
        yield from map(work, jobs)
        return
    # A fork of a process that has used torch's threads can hang; a fresh one cannot.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting: deque[Future[Result]] = deque()
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
