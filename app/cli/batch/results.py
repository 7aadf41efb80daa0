"""results.jsonl: a line for every take, and for every prompt that failed; whole lines, whatever ends the program."""

import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from undertone.engine import SettingsError
from undertone.engine.files.atomic_files import write_whole

RESULTS = "results.jsonl"
Line = dict[str, Any]


class Results:
    """The results of a folder, which grow by a line at a time.

    Args:
        folder: of the takes. What other calls wrote into its results stays.
    Raises:
        SettingsError: there is a results.jsonl of something else.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / RESULTS
        self.lines = {_key(line): line for line in _read(self.path)}
        self._rewrite()
        self._file = self.path.open("a", encoding="utf-8")

    def line_of(self, sound: str) -> Line | None:
        """Return the line of a sound file, by its path in the folder."""
        return self.lines.get(sound)

    def forget_failures(self, prompts: Collection[str]) -> None:
        """Leave out what is said of prompts that failed before and are tried again."""
        failed = [key for key, line in self.lines.items() if line["status"] == "failed" and line["prompt"] in prompts]
        for key in failed:
            del self.lines[key]

    def add(self, lines: Iterable[Line]) -> None:
        """Add lines, each in the place of an earlier one of the same sound."""
        for line in lines:
            self.lines.pop(_key(line), None)
            self.lines[_key(line)] = line
            self._file.write(_text(line))
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        self._rewrite()  # without the lines that later ones stand for

    def _rewrite(self) -> None:
        write_whole(self.path, "".join(map(_text, self.lines.values())))


def _key(line: Line) -> str:
    """Return what a line is about: a sound, or a prompt with what was asked for."""
    return line["sound"] or f"failed {line['prompt']} {json.dumps(line['asked'], sort_keys=True)}"


def _text(line: Line) -> str:
    return json.dumps(line) + "\n"


def _read(path: Path) -> list[Line]:
    """Return the lines of a file; the last is left out where the program was ended in it."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    lines = []
    for number, text in enumerate(whole.split("\n") if whole else [], start=1):
        try:
            line = json.loads(text)
            _key(line)
            line["status"]
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f"{path}, line {number}, is no line of `undertone batch`. Write into another folder, or move the file."
            ) from error
        lines.append(line)
    return lines
