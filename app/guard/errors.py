"""Errors in event functions: messages for people are shown, all others become a sentence with a number."""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.exceptions import Error as GradioError

from undertone.app.guard.refusal import INTERNAL_ERROR, error_number
from undertone.engine import UndertoneError

VISIBLE_TITLE = "Undertone"  # the title of an error whose words are ours; the guard replaces the words of all others
_log = logging.getLogger(__name__)


class VisibleError(GradioError):
    """An error whose message is for the visitor."""

    def __init__(self, message: str) -> None:
        super().__init__(message, title=VISIBLE_TITLE, print_exception=False)


def translate_errors(blocks: gr.Blocks) -> None:
    """Wrap every event function of a page; call it once, when all events are bound."""
    for event in blocks.fns.values():
        if event.fn is not None:
            event.fn = _translating(event.fn)


def _translating(function: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def yielding(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with _translated_errors():
                yield from function(*args, **kwargs)

        return yielding
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return function  # the pages have none; `AnswerFilter` still words their errors

    @functools.wraps(function)
    def returning(*args: Any, **kwargs: Any) -> Any:
        with _translated_errors():
            return function(*args, **kwargs)

    return returning


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except VisibleError:
        raise
    except UndertoneError as error:
        raise VisibleError(str(error)) from error
    except GradioError as error:
        raise VisibleError(str(error.message)) from error
    except Exception as error:
        number = error_number()
        _log.exception("error %s", number)
        raise VisibleError(INTERNAL_ERROR.format(number=number)) from error
