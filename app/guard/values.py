"""Values of an event's inputs: what may name a file, and which files this visitor may name."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import gradio as gr
from gradio.components.base import Component

from undertone.app.guard.refusal import RefusedError

NOT_YOURS = "This file is not here for you any more. Choose your clip again."
NO_VALUE = "This is no value that this page can send. Reload the page and try again."

_FREE_TEXT = (gr.Textbox, gr.Code)  # people type anything here, and it is only ever text
_FILE_KEYS = frozenset({"path", "url", "meta"})
_FILE_FIELDS = _FILE_KEYS | {"size", "orig_name", "mime_type", "is_stream"}
# Absolute and relative paths of any system, home folders, and whatever begins with a scheme (file:, http:, data:).
_PATH_LIKE = re.compile(r"^\s*(?:[/\\~]|[A-Za-z][A-Za-z0-9+.-]*:(?!\s))|(?:^|[/\\])\.\.(?:[/\\]|$)")
_MOST_NAME_CHARS = 300

Resolve = Callable[[str], str]  # from the name under which a visitor knows a file to its path; raises RefusedError


def check_inputs(inputs: Sequence[Any], values: Any, resolve: Resolve) -> list[Any]:
    """Return the values as Gradio may have them: files by the paths that `resolve` knows, everything else as it came.

    Raises:
        RefusedError: a value names a file that is not this visitor's, or is of no kind that its widget sends.
    """
    if not isinstance(values, list) or len(values) != len(inputs):
        raise RefusedError(HTTPStatus.BAD_REQUEST, NO_VALUE)
    return [_check_input(block, value, resolve) for block, value in zip(inputs, values, strict=True)]


def _check_input(block: Any, value: Any, resolve: Resolve) -> Any:
    if value is None:
        return None
    if getattr(block, "stateful", False) or not isinstance(block, Component):
        raise RefusedError(HTTPStatus.BAD_REQUEST, NO_VALUE)  # what is kept between events is kept here
    if takes_files(block):
        return _files(value, resolve)
    if isinstance(value, str) and (isinstance(block, _FREE_TEXT) or value in _choices(block)):
        return value
    return without_files(value)


def takes_files(block: Any) -> bool:
    """Return whether a widget's value is a file, or has files in it."""
    model = getattr(block, "data_model", None)
    return model is not None and "FileData" in str(model.model_json_schema())


def _choices(block: Any) -> list[Any]:
    return [value for _, value in getattr(block, "choices", None) or []]


def _files(value: Any, resolve: Resolve) -> Any:
    if isinstance(value, list):
        return [_files(one, resolve) for one in value]
    if not isinstance(value, dict) or not isinstance(value.get("path"), str) or not set(value) <= _FILE_FIELDS:
        raise RefusedError(HTTPStatus.BAD_REQUEST, NO_VALUE)
    url = value.get("url")
    if url is not None and not (isinstance(url, str) and _is_own_file_url(url)):
        raise RefusedError(HTTPStatus.FORBIDDEN, NOT_YOURS)
    name = value.get("orig_name")
    if value.get("is_stream") or not (name is None or isinstance(name, str)):
        raise RefusedError(HTTPStatus.BAD_REQUEST, NO_VALUE)
    # A new one: nothing of what came along with the name of the file goes further.
    return {
        "path": resolve(value["path"]),
        "orig_name": None if name is None else re.sub(r"[/\\]", "_", name)[:_MOST_NAME_CHARS],
        "is_stream": False,
        "meta": {"_type": "gradio.FileData"},
    }


def _is_own_file_url(url: str) -> bool:
    """Return whether an address is one of this server's files or of the browser's own memory."""
    return bool(re.match(r"(?:blob:)?(?:https?://[^/\s]+)?(?:/[\w~.-]+)*/gradio_api/file=/", url)) or bool(
        re.match(r"blob:https?://[^/\s]+/[\w-]+$", url)
    )


def without_files(value: Any) -> Any:
    """Return a value in which nothing can be taken for a file, at any depth. Raises RefusedError."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if _FILE_KEYS & set(part):
                raise RefusedError(HTTPStatus.FORBIDDEN, NOT_YOURS)
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, str) and _PATH_LIKE.search(part):
            raise RefusedError(HTTPStatus.FORBIDDEN, NOT_YOURS)
    return value
