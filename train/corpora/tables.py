"""Corpora that a table lists: manifest.tsv, LJSpeech, Common Voice, Hugging Face audio folders, NeMo manifests."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from undertone.train.corpora.source import CorpusError, Notes, Source, first_split, split_name
from undertone.train.corpora.text_files import read_text

MANIFEST_COLUMNS = {"utt_id", "file", "speaker", "split", "transcript"}
TEXT_COLUMNS = ("transcription", "transcript", "text", "sentence", "normalized_text")
SPEAKER_COLUMNS = ("speaker", "speaker_id", "speaker_name", "client_id")
COMMON_VOICE_TABLES = ("train", "dev", "test")


def manifest(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read a folder with `manifest.tsv`: one recording a line, its split, speaker and transcript."""
    path = folder / "manifest.tsv"
    rows = csv.DictReader(read_text(path, notes).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = MANIFEST_COLUMNS - set(rows.fieldnames or ())
    if missing:
        raise CorpusError(f"{path} lacks the columns {sorted(missing)}; it needs {sorted(MANIFEST_COLUMNS)}")
    for number, row in enumerate(rows, start=2):
        if any(row[column] is None for column in MANIFEST_COLUMNS):
            found = sum(value is not None for value in row.values())
            raise CorpusError(f"{path}, line {number}, has {found} cells; expected {len(rows.fieldnames or ())}")
        clip_id = row["utt_id"]
        split = notes.split(clip_id, row["split"].strip())
        yield Source(clip_id, str(folder / row["file"]), row["speaker"], split, row["transcript"])


def ljspeech(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read LJSpeech: wavs/*.wav and metadata.csv of `id|text|normalised text`, with a fourth column the speaker."""
    lines = [line for line in read_text(folder / "metadata.csv", notes).splitlines() if line.strip()]
    for number, line in enumerate(lines):
        clip_id, *cells = line.split("|")
        if not cells:
            raise CorpusError(f"{folder / 'metadata.csv'}, line {number + 1}, has no text; expected `id|text`")
        path = folder / "wavs" / (clip_id if clip_id.lower().endswith(".wav") else f"{clip_id}.wav")
        speaker = cells[2].strip() if len(cells) > 2 and cells[2].strip() else "ljspeech"
        text = next((cell.strip() for cell in reversed(cells[:2]) if cell.strip()), "")
        yield Source(clip_id.removesuffix(".wav"), str(path), speaker, notes.split(clip_id, None), text)


def common_voice(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read Common Voice: clips/ and train.tsv, dev.tsv, test.tsv; validated.tsv alone where there are none."""
    tables = [name for name in COMMON_VOICE_TABLES if (folder / f"{name}.tsv").is_file()]
    for name in tables or ["validated"]:
        path = folder / f"{name}.tsv"
        for row in csv.DictReader(read_text(path, notes).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
            if not row.get("path"):
                raise CorpusError(f"{path} lacks the column 'path'; it is no table of Common Voice")
            clip_id = Path(row["path"]).stem
            speaker, text = _cell(row, SPEAKER_COLUMNS), _cell(row, TEXT_COLUMNS)
            split = notes.split(clip_id, name if tables else None)
            yield Source(clip_id, str(folder / "clips" / row["path"]), speaker, split, text)


def audio_folder(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read a Hugging Face audio folder: metadata.csv or .jsonl with `file_name`, one for all or one for each split."""
    for table in audio_folder_tables(folder):
        place = table.parent
        named = split_name(place.name) if place != folder else None
        for row in _rows(table, notes):
            file = str(row.get("file_name") or "")
            if not file:
                raise CorpusError(f"{table} has a row without file_name; every row names its recording")
            path = place / file
            clip_id = str(path.relative_to(folder).with_suffix(""))
            in_path = first_split(Path(file).parts[:-1])
            split = notes.split(clip_id, str(row.get("split") or "") or named or in_path)
            yield Source(clip_id, str(path), _cell(row, SPEAKER_COLUMNS), split, _cell(row, TEXT_COLUMNS))


def audio_folder_tables(folder: Path) -> list[Path]:
    """Return the metadata files of an audio folder, at its root or in its folders; none of LJSpeech's kind."""
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    tables = [place / name for place in places for name in ("metadata.csv", "metadata.jsonl")]
    return [path for path in tables if path.is_file() and "file_name" in read_text(path, Notes())[:4000]]


def nemo(source: Path, notes: Notes) -> Iterator[Source]:
    """Read NeMo manifests: JSON lines of `audio_filepath`, `duration`, `text`; a file, or all of a folder."""
    for table in nemo_tables(source):
        named = first_split(table.stem.replace("-", "_").split("_"))
        for row in _rows(table, notes):
            path = Path(str(row["audio_filepath"]))
            path = path if path.is_absolute() else table.parent / path
            offset = float(row.get("offset") or 0.0)
            clip_id = str(path.relative_to(table.parent) if path.is_relative_to(table.parent) else path.name)
            clip_id = str(Path(clip_id).with_suffix("")) + (f"-{offset:g}" if offset else "")
            seconds = float(row["duration"]) if row.get("duration") is not None and "offset" in row else None
            split = notes.split(clip_id, named)
            speaker = _cell(row, SPEAKER_COLUMNS) or path.parent.name
            yield Source(clip_id, str(path), speaker, split, _cell(row, TEXT_COLUMNS), offset, seconds)


def nemo_tables(source: Path) -> list[Path]:
    """Return the NeMo manifests: the file itself, or the .json and .jsonl files of a folder that have such lines."""
    files = [source] if source.is_file() else sorted([*source.glob("*.json"), *source.glob("*.jsonl")])
    return [path for path in files if is_nemo(path)]


def is_nemo(path: Path) -> bool:
    """Return whether the first line of a file is a row of a NeMo manifest."""
    with path.open("rb") as lines:
        first = lines.readline(1_000_000)
    return b'"audio_filepath"' in first


def _rows(table: Path, notes: Notes) -> Iterator[dict[str, Any]]:
    text = read_text(table, notes)
    if table.suffix == ".csv":
        yield from csv.DictReader(text.splitlines())
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CorpusError(f"{table}, line {number}, is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise CorpusError(f"{table}, line {number}, is no row of named values")
        yield row


def _cell(row: dict[str, Any], columns: tuple[str, ...]) -> str:
    """Return the first of some columns that the row has, as text."""
    return next((str(row[column]).strip() for column in columns if row.get(column)), "")
