"""Tables of ratings in the layouts of other tools, read into one form: who said what of which system on which prompt.

Known: long (a row for each rating; also webMUSHRA's and our own export), wide (a column for each scale, system or
rater), the P.808 toolkit's batches, and the lists of the VoiceMOS challenges, which have no heading.
"""

import csv
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from undertone.engine.errors import UndertoneError

MOST_BYTES = 200 * 1024 * 1024
MOST_CHARACTERS = 200  # of a name
SHOWN = 10  # problems in a message
DEFAULT_SCALE = "score"
NAMED = ("rater", "system", "prompt")  # of every rating

NAMES = {  # of columns, in small letters
    "rater": ("rater", "listener", "listener_id", "participant", "worker", "workerid", "subject", "session_uuid"),
    "system": ("system", "model", "condition", "method", "rating_stimulus", "system_id"),
    "prompt": ("prompt", "utterance", "sentence", "item", "trial_id", "utt", "sample"),
    "scale": ("scale", "question", "attribute"),
    "score": ("score", "rating", "value", "rating_score", "mos", "vote"),
}
OWN = ("session", "kind", "position", "page", "accepted", "device", "stimulus")  # columns of our export that are read
P808_URL = re.compile(r"^answer\.(?P<question>.+)_url$")
VOICEMOS_CLIP = re.compile(r"^(?P<system>[A-Za-z0-9]+)-(?P<prompt>.+?)(\.wav)?$")


class ImportProblem(UndertoneError):  # noqa: N818  a problem of the file, said in full
    """A table that cannot be taken as it is."""


@dataclass(frozen=True)
class RatingRow:
    """One rating.

    Attributes:
        line: of the file, the heading is line 1.
        more: columns that have no meaning here, as they were.
        own: what our own export says beside it.
    """

    line: int
    rater: str
    system: str
    prompt: str
    scale: str
    score: float
    more: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """What was read.

    Attributes:
        layout: long, wide by scale, wide by system, wide by rater, webmushra, p808, voicemos or export.
        bad: "line 7: ..." for every row that cannot be used.
        empty: cells without a score, which are missing ratings.
    """

    path: Path
    layout: str
    rows: tuple[RatingRow, ...]
    bad: tuple[str, ...]
    empty: int


Cells = dict[str, str]
Raw = tuple[int, Cells, str]  # line, its fields by their names here, and the score as it is written


def read_ratings(path: Path, scale: str | None = None, limits: tuple[float, float] | None = None) -> Table:
    """Read a table in any of the known layouts.

    Args:
        scale: name of the scale where the table has none.
        limits: least and most of the scale; a score outside is a bad row.
    Raises:
        ImportProblem: no table, or none of the layouts; it says which columns are there.
    """
    lines = _lines(path)
    if not lines:
        raise ImportProblem(f"{path} is empty; expected a CSV table of ratings.")
    layout, raw = _layout(path, lines)
    rows, bad, empty = [], [], 0
    for line, cells, score in raw:
        if not score.strip() or score.strip().lower() in ("na", "nan", "null", "none"):
            empty += 1
            continue
        is_check = layout == "export" and cells.get("kind", "main") != "main"  # a trap or gold is of no system
        problem = _problem(cells, score, None if is_check else limits, ("rater",) if is_check else NAMED)
        if problem:
            bad.append(f"line {line}: {problem}")
            continue
        known = {name: cells.pop(name) for name in ("rater", "system", "prompt")}
        name = cells.pop("scale", "") or scale or DEFAULT_SCALE
        own = {key: cells.pop(key) for key in OWN if layout == "export" and key in cells}
        rows.append(RatingRow(line, **known, scale=name, score=float(score), more=cells, own=own))
    return Table(path, layout, tuple(rows), tuple(bad), empty)


def _lines(path: Path) -> list[list[str]]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ImportProblem(f"{path} is larger than {MOST_BYTES // 2**20} MB. Split it.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ImportProblem(f"{path} cannot be read as text in UTF-8: {error}.") from error
    if "\0" in text:
        raise ImportProblem(f"{path} has NUL characters; it is no CSV table.")
    head = text[:4096]
    delimiter = max(",;\t", key=lambda mark: head.split("\n", 1)[0].count(mark))
    try:
        return list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter))
    except csv.Error as error:
        raise ImportProblem(f"{path} is no CSV table: {error}.") from error


def _layout(path: Path, lines: Sequence[Sequence[str]]) -> tuple[str, Iterator[Raw]]:
    first = [cell.strip() for cell in lines[0]]
    if 2 <= len(first) <= 5 and _is_voicemos(first):
        return "voicemos", _voicemos(lines)
    by_lower = {name.lower(): name for name in first}
    if len(by_lower) < len([name for name in first if name]):
        raise ImportProblem(f"{path} has two columns of the same name: {sorted(first)}.")
    records = list(_records(lines))
    if any(P808_URL.match(name) for name in by_lower):
        return "p808", _p808(path, by_lower, records)
    columns = {
        here: by_lower[known]
        for here, names in NAMES.items()
        if (known := next((name for name in names if name in by_lower), None)) is not None
    }
    if {"rater", "system", "prompt", "score"} <= columns.keys():
        layout = "webmushra" if "rating_stimulus" in by_lower else "export" if "minutes" in by_lower else "long"
        return layout, _long(columns, records)
    return _wide(path, columns, first, records)


def _records(lines: Sequence[Sequence[str]]) -> Iterator[tuple[int, Cells]]:
    names = [name.strip() for name in lines[0]]
    for number, cells in enumerate(lines[1:], 2):
        if any(cell.strip() for cell in cells):
            padded = [*cells, *[""] * (len(names) - len(cells))]
            yield number, {name: _bare(cell) for name, cell in zip(names, padded, strict=False) if name}


def _bare(cell: str) -> str:
    """Return a cell without the apostrophe by which an export keeps a spreadsheet from running it."""
    cell = cell.strip()
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell


def _long(columns: Mapping[str, str], records: Sequence[tuple[int, Cells]]) -> Iterator[Raw]:
    for line, record in records:
        cells = {here: record.pop(name) for here, name in columns.items()}
        score = cells.pop("score")
        yield line, {**record, **cells}, score


def _wide(
    path: Path, columns: dict[str, str], names: Sequence[str], records: Sequence[tuple[int, Cells]]
) -> tuple[str, Iterator[Raw]]:
    """Find out what the columns of numbers stand for: what is missing of rater, system and prompt, else the scales."""
    columns = {here: name for here, name in columns.items() if here not in ("score", "scale")}
    rest = [name for name in names if name and name not in columns.values()]
    numbers = [name for name in rest if _is_numeric([record[name] for _, record in records])]
    missing = [here for here in ("rater", "system", "prompt") if here not in columns]
    spread = {(): "scale", ("rater",): "rater", ("system",): "system"}.get(tuple(missing))
    if spread is None or not numbers:
        raise ImportProblem(
            f"{path} has the columns {', '.join(names)}. Expected rater, system, prompt and score (a row for each "
            "rating), or two of rater, system and prompt beside columns of numbers. Rename the columns."
        )

    def rows() -> Iterator[Raw]:
        for line, record in records:
            known = {here: record[name] for here, name in columns.items()}
            more = {name: record[name] for name in rest if name not in numbers}
            for name in numbers:
                yield line, {**more, **known, spread: name}, record[name]

    return f"wide by {spread}", rows()


def _p808(path: Path, by_lower: Mapping[str, str], records: Sequence[tuple[int, Cells]]) -> Iterator[Raw]:
    """A row for each assignment of MTurk: `Answer.q0_url` names a clip, `Answer.q0` the vote."""
    worker = by_lower.get("workerid")
    if worker is None:
        raise ImportProblem(f"{path} looks like a batch of the P.808 toolkit, but has no column WorkerId.")
    questions = [match["question"] for name in by_lower if (match := P808_URL.match(name))]
    votes = {question: by_lower.get(f"answer.{question}") for question in questions}
    used = {worker, *(by_lower[f"answer.{question}_url"] for question in questions), *filter(None, votes.values())}
    for line, record in records:
        more = {name: value for name, value in record.items() if name not in used}
        for question, vote in votes.items():
            clip = PurePosixPath(record[by_lower[f"answer.{question}_url"]].split("?")[0])
            if vote is not None and clip.name:
                cells = {"rater": record[worker], "system": clip.parent.name, "prompt": clip.stem, "scale": "overall"}
                yield line, {**more, **cells}, record[vote]


def _voicemos(lines: Sequence[Sequence[str]]) -> Iterator[Raw]:
    """Lists without a heading: system, clip, score, and for single listeners what is known of them, their id last."""
    for number, cells in enumerate(lines, 1):
        if not any(cells):
            continue
        clip = cells[0 if len(cells) == 2 else 1].strip()
        match = VOICEMOS_CLIP.match(clip)
        listener = cells[-1].strip() if len(cells) >= 4 else ""
        yield (
            number,
            {
                "rater": listener.split("_")[2] if listener.count("_") >= 3 else listener,
                "system": match["system"] if match else "",
                "prompt": match["prompt"] if match else "",
                "scale": "naturalness",
                **({"listener": listener} if listener else {}),
            },
            cells[1 if len(cells) == 2 else 2],
        )


def _is_voicemos(first: Sequence[str]) -> bool:
    clip, score = (first[0], first[1]) if len(first) == 2 else (first[1], first[2])
    return clip.lower().endswith(".wav") and bool(VOICEMOS_CLIP.match(clip)) and _number(score) is not None


def _problem(cells: Mapping[str, str], score: str, limits: tuple[float, float] | None, needed: Sequence[str]) -> str:
    for name in NAMED:
        value = cells.get(name, "")
        if not value and name in needed:
            return f"no {name}"
        if len(value) > MOST_CHARACTERS or not value.isprintable():
            return f"the {name} is longer than {MOST_CHARACTERS} characters or has characters that cannot be printed"
    number = _number(score)
    if number is None:
        return f"the score {score!r} is no number"
    if limits is not None and not limits[0] <= number <= limits[1]:
        return f"the score {number:g} lies outside of {limits[0]:g} to {limits[1]:g}"
    return ""


def _is_numeric(values: Sequence[str]) -> bool:
    filled = [value for value in values if value.strip()]
    is_number: Callable[[str], bool] = lambda value: _number(value) is not None  # noqa: E731
    return bool(filled) and sum(map(is_number, filled)) > 0.5 * len(filled)  # a typing error is a bad row, no column


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) <= 1e6 else None
