"""Pairs of recordings as SALMon and slamkit (tStoryCloze, sStoryCloze) lay them out.

SALMon: a folder for each part, with two files `sample_N_...wav` for each N; the first by name is the real recording.
slamkit: `N_correct.wav` and `N_incorrect.wav`, in one folder or in folders below it.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undertone.studies.errors import MeasureError


@dataclass(frozen=True)
class RecordedPair:
    """A recording that should be likelier, and the other one."""

    part: str  # row of the table
    positive: Path
    negative: Path


def salmon_pairs(folder: Path) -> list[RecordedPair]:
    """Return the pairs of all parts of SALMon, or of the one part that the folder is.

    Raises:
        MeasureError: no such files, or a sample that has not two of them.
    """
    return _pairs(folder, re.compile(r"sample_(\d+)(?:_.*)?"))


def story_pairs(folder: Path) -> list[RecordedPair]:
    """Return the pairs of a folder of stories, `N_correct.wav` and `N_incorrect.wav`.

    Raises:
        MeasureError: no such files, or a story that has not both.
    """
    return _pairs(folder, re.compile(r"(\d+)_(?:in)?correct"))


def pair_margins(log_likelihoods: Sequence[tuple[float, float]]) -> list[float]:
    """Return 1 for every pair whose first is likelier, 0.5 for a tie and 0 otherwise."""
    return [0.5 * (positive == negative) + (positive > negative) for positive, negative in log_likelihoods]


def _pairs(folder: Path, pattern: re.Pattern[str]) -> list[RecordedPair]:
    grouped: dict[tuple[Path, int], list[Path]] = defaultdict(list)
    for path in sorted([*folder.glob("*.wav"), *folder.glob("*/*.wav")]):
        if match := pattern.fullmatch(path.stem):
            grouped[path.parent, int(match[1])].append(path)
    if not grouped:
        raise MeasureError(f"{folder} has no wav files of this layout, in it or in folders directly below it.")
    for (parent, number), paths in grouped.items():
        if len(paths) != 2:
            raise MeasureError(f"{parent}: sample {number} has {len(paths)} files; expected 2.")
    return [RecordedPair(parent.name, *grouped[parent, number]) for parent, number in sorted(grouped)]
