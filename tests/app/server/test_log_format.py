"""Logs as JSON: one object a line, and of an exception where it happened, never what somebody sent."""

import io
import json
import logging

from undertone.app.server.log_format import JsonLines

SENT = "panel id 5f0ab3c4d5e6"


def logged(log: logging.Logger) -> io.StringIO:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines("front"))
    log.addHandler(handler)
    log.propagate = False
    return out


def test_a_line_is_an_object_that_says_when_who_and_what() -> None:
    log = logging.getLogger("tests.log_format.line")
    out = logged(log)
    log.warning("the queue holds %d runs\nor more", 3)
    (line,) = out.getvalue().splitlines()
    told = json.loads(line)
    assert told["message"] == "the queue holds 3 runs\nor more"
    assert (told["level"], told["logger"], told["process"]) == ("WARNING", "tests.log_format.line", "front")
    assert told["time"].startswith("20")


def test_an_exception_is_told_by_types_and_places_without_its_values() -> None:
    log = logging.getLogger("tests.log_format.exception")
    out = logged(log)
    try:
        try:
            raise ValueError(SENT)
        except ValueError as error:
            raise RuntimeError(f"no answer for {SENT}") from error
    except RuntimeError:
        log.exception("error %s", "1a2b3c4d")
    (line,) = out.getvalue().splitlines()
    told = json.loads(line)
    assert SENT not in line
    assert "builtins.RuntimeError at server/test_log_format.py:" in told["exc_info"]
    assert "builtins.ValueError" in told["exc_info"]
    assert told["message"] == "error 1a2b3c4d"
