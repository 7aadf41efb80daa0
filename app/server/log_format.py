"""The server's log: lines for people, or one JSON object a line for programs that collect logs.

As JSON nothing of a visitor is in it: an exception is its type and the places in the code, without its message and
values, which may be what somebody sent.
"""

import logging
import traceback
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter

LogFormat = Literal["text", "json"]
TEXT = "%(levelname)s %(name)s: %(message)s"


class JsonLines(JsonFormatter):
    """One object a line: time, level, logger, process, message, and of an exception where it happened.

    Args:
        process: name of the process, "front" or "playground".
    """

    def __init__(self, process: str) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger"},
            static_fields={"process": process},
            timestamp="time",
        )

    def formatException(self, ei: Any) -> str:  # noqa: N802  # the name is logging's
        """Return types and places of an exception and its causes; no messages, no lines of code."""
        return " <- ".join(_chain(ei[1]))


def _chain(error: BaseException | None) -> list[str]:
    told: list[str] = []
    while error is not None and len(told) < 10:
        frames = traceback.extract_tb(error.__traceback__)
        places = ", ".join(f"{_module(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames[-12:])
        told.append(f"{type(error).__module__}.{type(error).__qualname__} at {places}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def _module(filename: str) -> str:
    """Return the last two parts of a file's path: which module it is, not where it lies."""
    return "/".join(filename.rsplit("/", 2)[-2:])


def set_up_log(form: LogFormat, process: str = "front") -> None:
    """Send this process's log to standard error in this format; what was set up before is replaced."""
    handler = logging.StreamHandler()
    text = TEXT if process == "front" else TEXT.replace("%(name)s", f"{process} %(name)s")
    handler.setFormatter(JsonLines(process) if form == "json" else logging.Formatter(text))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(form == "json")  # else they would be lines that are no JSON
    for chatty in ("accelerate", "alembic", "httpx", "httpx2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
