"""Folders of recordings: walking them, transcripts beside them, and what the names of folders say."""

import os
from collections.abc import Iterator
from pathlib import Path

from undertone.engine.audio.reading import SUFFIXES
from undertone.train.corpora.source import Notes, Source, first_split, split_name
from undertone.train.corpora.text_files import read_text
from undertone.train.corpora.textgrids import TextGridError, textgrid_words

TEXT_SUFFIXES = (".txt", ".lab", ".normalized.txt", ".original.txt")
TEXTGRIDS = (".TextGrid", ".textgrid", ".TEXTGRID")
UNREAD_AUDIO = (".sph", ".nist", ".shn", ".amr", ".ape", ".wv", ".dss", ".ds2", ".raw", ".pcm")
SIDE_FILES = {".txt", ".lab", ".json", ".jsonl", ".csv", ".tsv", ".md", ".textgrid", ".phn", ".wrd", ".pdf", ".html"}


def walk(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder in sorted order, through linked folders too; a loop of links is entered once."""
    yield from _walk(folder, {os.path.realpath(folder)})


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            real = os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                yield from _walk(path, seen)
        elif path.is_file():
            yield path


def is_audio(path: Path) -> bool:
    """Return whether a file's name says that it holds sound which can be read."""
    return path.suffix.lower() in SUFFIXES


def audio_files(folder: Path, notes: Notes) -> Iterator[Path]:
    """Yield the sound files below a folder; what else lies there, but for transcripts, is noted as ignored."""
    for path in walk(folder):
        if is_audio(path):
            yield path
        elif path.suffix.lower() in UNREAD_AUDIO:
            notes.ignored[f"{path.suffix.lower()} (sound in a format that is not read)"] += 1
        elif path.suffix.lower() not in SIDE_FILES:
            notes.ignored[path.suffix.lower() or "files without an ending"] += 1


def transcript_beside(path: Path, notes: Notes) -> str:
    """Return the text beside a recording; empty where there is none.

    It is that of NAME.txt, NAME.lab and the like in either case, else the words of NAME.TextGrid.
    """
    for suffix in TEXT_SUFFIXES:
        for spelling in (suffix, suffix.upper()):
            text = path.with_suffix(spelling)
            if text.is_file():
                return " ".join(read_text(text, notes).split())
    textgrid = next((path.with_suffix(suffix) for suffix in TEXTGRIDS if path.with_suffix(suffix).is_file()), None)
    if textgrid is None:
        return ""
    try:
        return " ".join(textgrid_words(read_text(textgrid, notes)).split())
    except TextGridError as error:
        notes.ignored[f"TextGrids: {error}"] += 1
        return ""


def folder(root: Path, notes: Notes) -> Iterator[Source]:
    """Read every sound file below a folder, with the text beside it.

    The first folder below the root is the speaker; above it, folders called train, dev or test say the split.
    """
    for path in audio_files(root, notes):
        relative = path.relative_to(root)
        places = list(relative.parts[:-1])
        split = first_split(places)
        speakers = [place for place in places if not split_name(place)]
        clip_id = str(relative.with_suffix(""))
        yield Source(
            clip_id=clip_id,
            path=str(path),
            speaker=speakers[0] if speakers else root.name,
            split=notes.split(clip_id, split),
            transcript=transcript_beside(path, notes),
        )
