"""What JSON from outside may hold if every database is to keep it and every reader to read it back."""

import math
from typing import Any

LARGEST_NUMBER = 1e15  # whole numbers up to here are exact in every reader
DEEPEST = 30


def find_unstorable(value: Any, depth: int = 0) -> str | None:
    """Return in words what of a JSON value cannot be kept, None where all of it can.

    PostgreSQL keeps no NUL, UTF-8 has no lone surrogates, JSON has no infinity, and a number of hundreds of digits is
    no float.
    """
    if depth > DEEPEST:
        return "lists or objects that are nested too deeply"
    if isinstance(value, str):
        return _find_in_text(value)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return None if _is_in_range(value) else f"a number beyond {LARGEST_NUMBER:g}"
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        return next((found for item in value if (found := find_unstorable(item, depth + 1))), None)
    return f"a {type(value).__name__}"


def _find_in_text(text: str) -> str | None:
    if "\0" in text:
        return "a text with a NUL character"
    return "a text with half of a character" if any("\ud800" <= letter <= "\udfff" for letter in text) else None


def _is_in_range(number: float) -> bool:
    return (isinstance(number, int) or math.isfinite(number)) and abs(number) <= LARGEST_NUMBER
