"""JSON or keyword values to a configuration; what does not fit becomes one sentence naming the file and the key."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from undertone.engine.errors import UndertoneError

Model = TypeVar("Model", bound=BaseModel)


def read_json(path: Path, what: str, error: type[UndertoneError]) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Args:
        what: what the file should hold, for the message: "the settings of a take".
        error: the class to raise.
    Raises:
        UndertoneError: of the class given: the file cannot be read or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise error(f"{path} cannot be read as {what}: {failure}.") from failure
    return parse_json(text, str(path), what, error)


def parse_json(text: str | bytes, source: str, what: str, error: type[UndertoneError]) -> dict[str, Any]:
    """Return the object that a JSON text holds; see `read_json`."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise error(f"{source} is not JSON: {failure}. Expected {what}.") from failure
    if not isinstance(values, dict):
        raise error(f"{source} holds a {type(values).__name__}; expected {what}.")
    return values


def read_json_lines(path: Path, model: type[Model], what: str, error: type[UndertoneError]) -> list[Model]:
    """Return the configurations of a file of JSON lines.

    Args:
        what: what a line should hold, for the message: "spoken pair".
        error: the class to raise.
    Raises:
        UndertoneError: of the class given, naming the line that holds something else.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            found.append(model.model_validate_json(line))
        except ValidationError as failure:
            raise error(f"{path}, line {number}, is no {what}: {failure}") from failure
    return found


def validate_values(
    model: type[Model], values: Mapping[str, Any], source: str, error: type[UndertoneError], complete: bool = False
) -> Model:
    """Return the configuration that values give.

    Args:
        source: what the values come from, for the message: a file name, or "the settings".
        error: the class to raise.
        complete: also refuse values that leave a key to its default.
    Raises:
        UndertoneError: of the class given, naming source, key, value and what was expected.
    """
    try:
        instance = model.model_validate(values)
    except ValidationError as failure:
        raise error(f"{source}: " + "; ".join(_sentence(model, item) for item in failure.errors())) from failure
    if complete and (missing := _missing(instance.model_dump(mode="json"), values, "")):
        raise error(f"{source}: missing key {missing!r}. Known keys beside it: {_known(model, missing.split('.'))}.")
    return instance


def _sentence(model: type[BaseModel], item: Any) -> str:
    """Return one validation failure in words."""
    parts = [str(part) for part in item["loc"]]
    path = ".".join(parts)
    if item["type"] == "extra_forbidden":
        return f"unknown key {path!r}; known keys: {_known(model, parts)}"
    if item["type"] == "missing":
        return f"missing key {path!r}; known keys: {_known(model, parts)}"
    if item["type"] == "value_error" and isinstance(item["input"], dict | list):  # parts that do not fit together
        return f"{path}: {item['ctx']['error']}" if path else str(item["ctx"]["error"])
    if item["type"] == "string_type" and isinstance(item["input"], bool | int | float | date):
        return f"{path} is {item['input']!r}, not a text; put the text in quotes"
    return f"{path or 'value'} is {item['input']!r}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _known(model: type[BaseModel], path: list[str]) -> str:
    """List the keys of the model that holds the last part of a path; union members are told apart by their `kind`."""
    holders: list[type[BaseModel]] = [model]
    for part in path[:-1]:
        inner = [m for holder in holders if part in holder.model_fields for m in _models(holder.model_fields[part])]
        tagged = [m for m in holders if "kind" in m.model_fields and m.model_fields["kind"].default == part]
        holders = inner or tagged or holders
    return ", ".join(dict.fromkeys(key for holder in holders for key in holder.model_fields))


def _models(field: Any) -> list[type[BaseModel]]:
    """Return the models that a field's annotation mentions."""
    found: list[type[BaseModel]] = []
    queue = [field.annotation]
    while queue:
        kind = queue.pop(0)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found.append(kind)
        queue.extend(getattr(kind, "__args__", ()))
    return found


def _missing(full: Any, given: Any, path: str) -> str | None:
    """Return the first key of `full` that `given` lacks, as a dotted path."""
    if not isinstance(full, Mapping) or not isinstance(given, Mapping):
        return None
    for key, value in full.items():
        here = f"{path}.{key}" if path else str(key)
        if key not in given:
            return here
        if (inner := _missing(value, given[key], here)) is not None:
            return inner
    return None
