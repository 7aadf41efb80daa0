"""Folders of speech-like recordings and small study files over them."""

from pathlib import Path
from typing import Any

import yaml

from tests.clips import SAMPLE_RATE_HZ, speechlike, write_wav16
from undertone.studies.design import StudyFile, load_study_file

RATE_HZ = SAMPLE_RATE_HZ


def write_speech(path: Path, seconds: float, seed: int, level: float = 0.1) -> None:
    """A speech-like sound as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav16(path, speechlike(seconds, hz=110 + 7 * (seed % 9), amplitude=level, seed=seed))


def write_folders(root: Path, prompts: int = 3, seconds: float = 4.0) -> None:
    """`prompts` and two systems, `good` and `loud`, with a file for every prompt."""
    for index in range(prompts):
        write_speech(root / "prompts" / f"p{index}.wav", seconds, index)
        write_speech(root / "good" / f"p{index}.wav", seconds - 0.1 * index, 10 + index, 0.05)
        write_speech(root / "loud" / f"p{index}.wav", seconds + 1, 20 + index, 0.9)


def definition(**changes: Any) -> dict[str, Any]:
    """Two folders, the ground truth and a low anchor."""
    return {
        "name": "small",
        "title": "A small study",
        "seed": 3,
        "systems": [
            {"name": "good", "source": {"kind": "folder", "folder": "good"}},
            {"name": "loud", "source": {"kind": "folder", "folder": "loud"}},
            {"name": "truth", "role": "ground_truth", "source": {"kind": "recording"}},
            {"name": "anchor", "role": "low_anchor", "source": {"kind": "degraded", "of": "truth"}},
        ],
        "prompts": {"folder": "prompts", "prompt_seconds": 1.5, "continuation_seconds": 2.5},
        "scales": ["naturalness", "meaningfulness"],
        "sections": [{"kind": "consent", "text": "Yes?"}, {"kind": "rating"}, {"kind": "debrief", "text": "Thanks."}],
        "allocation": {"trials_per_session": 3, "raters_per_stimulus": 2},
        **changes,
    }


def study_file(root: Path, **changes: Any) -> StudyFile:
    """The definition as a file beside the folders."""
    path = root / "study.yaml"
    path.write_text(yaml.safe_dump(definition(**changes)), encoding="utf-8")
    return load_study_file(path)
