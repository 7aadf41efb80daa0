"""Corpora made of LibriVox: LibriSpeech and Libri-light."""

import json
from collections.abc import Iterator
from pathlib import Path

from undertone.train.corpora.source import Notes, Source, is_held_out, split_name
from undertone.train.corpora.text_files import read_text

SIZES = ("small", "medium", "large")
MAX_PIECE_SECONDS = 59.0  # HuBERT units are made of clips under 60 s
HELD_OUT_SPEAKERS = 100  # one in so many of Libri-light's speakers


def librispeech(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read LibriSpeech: PART/SPEAKER/CHAPTER/*.flac with one .trans.txt a chapter; parts train-*, dev-*, test-*."""
    for part in librispeech_parts(folder):
        for transcripts in sorted(part.rglob("*.trans.txt")):
            for line in read_text(transcripts, notes).splitlines():
                clip_id, _, text = line.partition(" ")
                path = transcripts.parent / f"{clip_id}.flac"
                yield Source(clip_id, str(path), clip_id.split("-")[0], part.name.split("-")[0], text.strip())


def librispeech_parts(folder: Path) -> list[Path]:
    """Return the parts of a LibriSpeech folder, of its parent, or the folder itself where it is a part."""
    if _is_part(folder):
        return [folder]
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    parts = [path for path in inside if _is_part(path)]
    return parts or sorted(path for place in inside for path in place.iterdir() if _is_part(path))


def librilight(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read Libri-light: SIZE/SPEAKER/BOOK/*.flac, each with a .json of its speaker and its voiced intervals.

    Intervals are merged into pieces under a minute, as the corpus' own `cut_by_vad.py` does.
    """
    for size in SIZES:
        for path in sorted((folder / size).rglob("*.flac")):
            clip_id = str(path.relative_to(folder).with_suffix(""))
            facts = path.with_suffix(".json")
            facts_of_file = json.loads(read_text(facts, notes)) if facts.is_file() else {}
            speaker = str(facts_of_file.get("speaker", path.parent.parent.name))
            split = "dev" if is_held_out(speaker, HELD_OUT_SPEAKERS) else "train"
            pieces = join_speech(facts_of_file.get("voice_activity", []), MAX_PIECE_SECONDS)
            if not pieces:
                yield Source(clip_id, str(path), speaker, split, "")
            for number, (start, end) in enumerate(pieces):
                yield Source(f"{clip_id}_{number:04d}", str(path), speaker, split, "", start, end - start)


def is_librilight(folder: Path) -> bool:
    """Return whether a folder has a size of Libri-light with books in it; a folder called "large" alone is none."""
    return any(next((folder / size).glob("*/*/*.flac"), None) is not None for size in SIZES)


def join_speech(intervals: list[list[float]], max_seconds: float) -> list[tuple[float, float]]:
    """Join intervals of speech (start, end) to pieces of at most `max_seconds`; a longer one stays a piece."""
    pieces: list[tuple[float, float]] = []
    for start, end in intervals:
        if pieces and end - pieces[-1][0] <= max_seconds:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return pieces


def _is_part(path: Path) -> bool:
    """Return whether this is a part of LibriSpeech: train-clean-100, dev-other and so on, with chapters in it."""
    named = path.is_dir() and "-" in path.name and split_name(path.name.split("-")[0]) is not None
    return named and next(path.glob("*/*/*.trans.txt"), None) is not None
