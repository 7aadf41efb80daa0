"""sWUGGY and sBLIMP as ZeroSpeech 2021 lays them out and scores them: gold.csv, submission files, tables.

A folder `lexical/dev` or `syntactic/dev` has gold.csv and a wav for each of its rows. The i-th correct row and the i-th
incorrect row are a pair. A pair counts 1, 0.5 for a tie, or 0; the mean is taken over the voices of a pair's id first.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from undertone.engine.config import Config
from undertone.engine.files.atomic_files import write_whole
from undertone.studies.errors import MeasureError
from undertone.studies.measures.intervals import Estimate, ShareEstimate, estimate

Level = Literal["lexical", "syntactic"]
TEXT_COLUMN: dict[Level, str] = {"lexical": "word", "syntactic": "transcription"}
COLUMNS: dict[Level, tuple[str, ...]] = {
    "lexical": ("filename", "id", "voice", "frequency", "word", "length", "correct"),
    "syntactic": ("filename", "id", "voice", "type", "subtype", "transcription", "correct"),
}
# Lowest count of a band: the scorer's bands leave out their upper end, whatever their names say.
BANDS = ((0, "oov"), (1, "1-5"), (5, "6-20"), (20, "21-100"), (100, ">100"))


@dataclass(frozen=True)
class GoldPair:
    """Correct and incorrect recording of a pair in one voice, by their file names without ending."""

    key: tuple[str, ...]  # what is averaged over voices: the id, with type and subtype for sentences
    correct: str
    incorrect: str
    groups: dict[str, str]  # table to row: frequency and length, or type
    texts: tuple[str, str]


class GoldScores(Config):
    """Accuracy over pairs with 95 % intervals, whole and by the tables of the official scorer."""

    accuracy: Estimate
    tables: dict[str, dict[str, Estimate]]


def read_gold(folder: Path, level: Level) -> list[GoldPair]:
    """Read the pairs of a folder's gold.csv.

    Raises:
        MeasureError: no gold.csv, a missing column, or rows that are no pairs.
    """
    path = folder / "gold.csv"
    if not path.is_file():
        raise MeasureError(f"{path} does not exist; name a folder of ZeroSpeech 2021 such as {level}/dev.")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = set(COLUMNS[level]) - set(reader.fieldnames or ())
        if missing:
            raise MeasureError(f"{path} has no column {', '.join(sorted(missing))}; it is no gold file of {level}.")
        rows = list(reader)
    names = [row["filename"] for row in rows]
    if len(set(names)) < len(names):
        raise MeasureError(f"{path} names a file twice.")
    if unsafe := next((name for name in names if not name or Path(name).name != name), None):
        raise MeasureError(f"{path} names the file {unsafe!r}; expected a name without folders.")
    correct, incorrect = ([row for row in rows if row["correct"] == value] for value in ("1", "0"))
    if not correct or len(correct) != len(incorrect) or len(rows) != 2 * len(correct):
        raise MeasureError(f"{path} has {len(correct)} correct and {len(incorrect)} incorrect of {len(rows)} rows.")
    return [_pair(path, level, good, bad) for good, bad in zip(correct, incorrect, strict=True)]


def read_submission(path: Path) -> dict[str, float]:
    """Return the scores of a submission file by file name.

    Raises:
        MeasureError: no such file, a line that is not "name score", or a name that comes twice.
    """
    if not path.is_file():
        raise MeasureError(f"{path} does not exist.")
    scores: dict[str, float] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            name, score = line.split(" ")
            value = float(score)
        except ValueError:
            raise MeasureError(f'{path}, line {number}, is {line!r}; expected "<filename> <score>".') from None
        if name in scores:
            raise MeasureError(f"{path}, line {number}, scores {name} a second time.")
        scores[name] = value
    return scores


def write_submission(path: Path, scores: Mapping[str, float]) -> Path:
    """Write scores as the official scorer reads them, every digit kept; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, "".join(f"{name} {score!r}\n" for name, score in scores.items()))


def gold_scores(pairs: Sequence[GoldPair], scores: Mapping[str, float]) -> GoldScores:
    """Score pairs as the official scorer does.

    Raises:
        MeasureError: files without a score, or scores of other files.
    """
    names = {name for pair in pairs for name in (pair.correct, pair.incorrect)}
    if names != scores.keys():
        raise MeasureError(
            f"{len(names - scores.keys())} files of the gold file have no score, and {len(scores.keys() - names)} "
            "scores are of other files; score the same folder."
        )
    found: dict[tuple[str, ...], list[float]] = defaultdict(list)
    first: dict[tuple[str, ...], GoldPair] = {}
    for pair in pairs:
        good, bad = scores[pair.correct], scores[pair.incorrect]
        found[pair.key].append(0.5 * (good == bad) + (good > bad))
        first.setdefault(pair.key, pair)
    means = {key: sum(values) / len(values) for key, values in found.items()}
    members: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for key, mean in means.items():
        for table, row in first[key].groups.items():
            members[table][row].append(mean)
    tables = {table: {row: accuracy_over(values) for row, values in rows.items()} for table, rows in members.items()}
    return GoldScores(accuracy=accuracy_over(list(means.values())), tables=tables)


def accuracy_over(values: Sequence[float]) -> Estimate:
    """Return the mean of the scores of pairs, with an interval over pairs."""
    found = estimate([ShareEstimate(value, 1) for value in values], range(len(values)))
    assert found is not None  # there is a pair
    return found


def _pair(path: Path, level: Level, good: dict[str, str], bad: dict[str, str]) -> GoldPair:
    if (good["id"], good["voice"]) != (bad["id"], bad["voice"]):
        raise MeasureError(
            f"{path}: {good['filename']} and {bad['filename']} stand at the same place among correct and incorrect "
            "rows, but are of another id or voice. The official scorer would pair them wrongly; sort the file."
        )
    groups = {"type": good["type"]} if level == "syntactic" else {"length": good["length"]}
    if level == "lexical" and (band := _band(path, good["frequency"])):
        groups["frequency"] = band
    key = (good["id"],) if level == "lexical" else (good["type"], good["subtype"], good["id"])
    texts = (good[TEXT_COLUMN[level]], bad[TEXT_COLUMN[level]])
    return GoldPair(key, good["filename"], bad["filename"], groups, texts)


def _band(path: Path, frequency: str) -> str | None:
    """Return the band of a word's count in LibriSpeech; None where it is not known."""
    if not frequency:
        return None
    try:
        count = float(frequency)
    except ValueError:
        raise MeasureError(f"{path} has the frequency {frequency!r}; expected a number.") from None
    return next((name for lowest, name in reversed(BANDS) if count >= lowest), None)
