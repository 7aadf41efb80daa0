"""One guard for every event of a page: an event that has nothing to show leaves the page as it is.

Gradio sets all outputs of an event to null where its generator ends without having yielded, and refuses an empty
dictionary of updates. Work that was cancelled, replaced or refused while it waited has nothing to show, so both happen.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr


def guard_events(blocks: gr.Blocks) -> None:
    """Guard every event of a page that has been built; called once, when nothing more is bound.

    Raises:
        TypeError: an event is an asynchronous generator, which is not guarded.
    """
    for event in blocks.fns.values():
        if event.fn is not None and event.outputs:
            event.fn = guard_event(event.fn)


def guard_event(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same function, but an update of nothing skips all outputs, and generators yield at least once."""
    if inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__qualname__} is an asynchronous generator; write it as a plain one.")
    if not inspect.isgeneratorfunction(function):
        return function

    @functools.wraps(function)
    def updates(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yielded = False
        with closing(function(*args, **kwargs)) as inner:
            for update in inner:
                yielded = True
                yield gr.skip() if _is_empty(update) else update
        if not yielded:
            yield gr.skip()

    return updates


def _is_empty(update: Any) -> bool:
    return isinstance(update, dict) and not update
