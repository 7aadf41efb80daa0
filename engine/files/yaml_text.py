"""YAML as every file of this project is read: nothing said twice, and what cannot be read told in words and lines."""

from pathlib import Path
from typing import Any

import yaml

from undertone.engine.errors import SettingsError

MAX_CHARACTERS = 4_000_000


class YamlError(SettingsError):
    """A text that is no YAML, or says the same key twice: the text names the lines and what to do."""


def read_yaml(path: Path) -> Any:
    """Return the values of a YAML file.

    Raises:
        YamlError: the file cannot be read, is not YAML, or has a key twice.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MAX_CHARACTERS + 1)
    except OSError as error:
        raise YamlError(f"{path} cannot be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise YamlError(f"{path} is not UTF-8 text ({error}). Save it as UTF-8.") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> Any:
    """Return the values of a YAML text.

    Args:
        source: where the text is from, for the message.
    Raises:
        YamlError: it is not YAML, has a key twice, or has a value that no program can hold.
    """
    if len(text) > MAX_CHARACTERS:
        raise YamlError(f"{source} has more than {MAX_CHARACTERS} characters; expected a short file of settings.")
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"{source}: {_sentence(error, text)}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a damaged date, a number of thousands of digits
        raise YamlError(f"{source} is not YAML that can be read: {error}") from error
    except RecursionError as error:
        raise YamlError(f"{source}: lists or keys are nested too deeply.") from error


class _StrictLoader(yaml.SafeLoader):
    """Loader of plain values, every key of a mapping once; YAML forbids the second, but PyYAML lets it win."""

    def construct_yaml_map(self, node: yaml.MappingNode) -> Any:
        self._check_keys(node)  # before keys of `<<` are mixed in, which may be said again
        yield from super().construct_yaml_map(node)

    def _check_keys(self, node: Any) -> None:
        first: dict[Any, int] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            name, line = self.construct_object(key), key.start_mark.line + 1
            if name in first:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"key {name!r} is given twice, on line {first[name]} and on line {line}. Keep one of them.",
                    key.start_mark,
                )
            first[name] = line


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _StrictLoader.construct_yaml_map)


def _sentence(error: yaml.MarkedYAMLError, text: str) -> str:
    """Return what is wrong, where, and for the usual slip how to mend it."""
    problem, mark = error.problem or "this is not YAML", error.problem_mark
    if mark is None:
        return problem
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "is given twice" in problem:
        return problem
    said = f"line {mark.line + 1}, column {mark.column + 1}: {problem}."
    special = line[mark.column : mark.column + 1]
    if special and special in "?,{}[]&*!|>%@`:#" and any(bracket in line for bracket in "{[") and special in problem:
        said += f" A text with {special!r} inside {{…}} or […] needs quotes"
        said += f", such as {{text: {_quote(line, mark.column)}}}." if special == "?" else "."
    elif "mapping values are not allowed" in problem:
        said += ' A text with ": " in it needs quotes.'
    return said


def _quote(line: str, column: int) -> str:
    """Return the text that ends at a column, in quotes."""
    start = max(line.rfind(sign, 0, column) for sign in ":,{[") + 1
    return f'"{line[start : column + 1].strip()}"'
