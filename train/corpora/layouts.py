"""Recipes for corpora: each yields the recordings of one layout, lazily, so that no corpus is too large to list.

Lhotse has recipes for the first three too; they build the whole manifest in memory and end at the first broken file,
so ours only list files (a test holds them to the same ids, speakers and texts). A corpus that only Lhotse knows is
read from the cuts that `lhotse prepare` and `lhotse cut simple` write.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from train.corpora.source import CorpusError, Source, held_out

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
MANIFEST_COLUMNS = {"utt_id", "file", "speaker", "split", "transcript"}
MAX_PIECE_SECONDS = 59.0  # HuBERT units are made of clips under 60 s
HELD_OUT_SPEAKERS = 100  # one in so many of Libri-light's speakers
HELD_OUT_CLIPS = 20  # one in so many clips of a folder that names no splits


def librispeech(folder: Path) -> Iterator[Source]:
    """LibriSpeech: PART/SPEAKER/CHAPTER/*.flac with one .trans.txt a chapter; parts train-*, dev-*, test-*."""
    for part in sorted(path for path in folder.iterdir() if _is_part(path)):
        for transcripts in sorted(part.rglob("*.trans.txt")):
            for line in transcripts.read_text(encoding="utf-8").splitlines():
                clip_id, _, text = line.partition(" ")
                path = transcripts.parent / f"{clip_id}.flac"
                yield Source(clip_id, str(path), clip_id.split("-")[0], part.name.split("-")[0], text.strip())


def librilight(folder: Path) -> Iterator[Source]:
    """Libri-light: SIZE/SPEAKER/BOOK/*.flac, each with a .json of its speaker and its stretches of speech.

    Stretches are joined into pieces under a minute, as the corpus' own `cut_by_vad.py` does.
    """
    for size in ("small", "medium", "large"):
        for path in sorted((folder / size).rglob("*.flac")):
            clip_id = str(path.relative_to(folder).with_suffix(""))
            facts = path.with_suffix(".json")
            told = json.loads(facts.read_text(encoding="utf-8")) if facts.is_file() else {}
            speaker = str(told.get("speaker", path.parent.parent.name))
            split = "dev" if held_out(speaker, HELD_OUT_SPEAKERS) else "train"
            pieces = joined_stretches(told.get("voice_activity", []), MAX_PIECE_SECONDS)
            if not pieces:
                yield Source(clip_id, str(path), speaker, split, "")
            for number, (start, end) in enumerate(pieces):
                yield Source(f"{clip_id}_{number:04d}", str(path), speaker, split, "", start, end - start)


def ljspeech(folder: Path) -> Iterator[Source]:
    """LJSpeech: wavs/*.wav and metadata.csv of `id|text|normalised text`; one speaker, no splits."""
    with (folder / "metadata.csv").open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            clip_id, _, texts = line.rstrip("\n").partition("|")
            path = folder / "wavs" / f"{clip_id}.wav"
            yield Source(clip_id, str(path), "ljspeech", _numbered_split(number), texts.rpartition("|")[2].strip())


def manifest(folder: Path) -> Iterator[Source]:
    """A folder with `manifest.tsv`: one recording a line, its split, speaker and transcript."""
    path = folder / "manifest.tsv"
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = MANIFEST_COLUMNS - set(rows.fieldnames or ())
        if missing:
            raise CorpusError(f"{path} lacks the columns {sorted(missing)}; it needs {sorted(MANIFEST_COLUMNS)}")
        for row in rows:
            yield Source(row["utt_id"], str(folder / row["file"]), row["speaker"], row["split"], row["transcript"])


def plain(folder: Path) -> Iterator[Source]:
    """Every audio file below a folder; NAME.txt beside it is its transcript, its folder's name the speaker."""
    for number, path in enumerate(sorted(path for path in folder.rglob("*") if _is_audio(path))):
        text = path.with_suffix(".txt")
        yield Source(
            clip_id=str(path.relative_to(folder).with_suffix("")),
            path=str(path),
            speaker=path.parent.name,
            split=_numbered_split(number),
            transcript=text.read_text(encoding="utf-8").strip() if text.is_file() else "",
        )


LAYOUTS: dict[str, Callable[[Path], Iterator[Source]]] = {
    "manifest": manifest,
    "librispeech": librispeech,
    "librilight": librilight,
    "ljspeech": ljspeech,
    "folder": plain,
}


def layout_of(folder: Path) -> str:
    """The layout a folder has, by what lies in it.

    Raises:
        CorpusError: no such folder, or nothing in it that any layout knows.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is no folder; give a corpus folder, or Lhotse cuts as .jsonl or .jsonl.gz")
    if (folder / "manifest.tsv").is_file():
        return "manifest"
    if (folder / "metadata.csv").is_file() and (folder / "wavs").is_dir():
        return "ljspeech"
    if any((folder / size).is_dir() for size in ("small", "medium", "large")):
        return "librilight"
    if any(_is_part(path) for path in folder.iterdir()):
        return "librispeech"
    if any(_is_audio(path) for path in folder.rglob("*")):
        return "folder"
    raise CorpusError(f"{folder} has no manifest.tsv and no audio files ({', '.join(AUDIO_SUFFIXES)})")


def read_layout(folder: Path, layout: str = "auto") -> Iterator[Source]:
    """The recordings of a corpus folder, in the order in which it lists them."""
    if layout != "auto" and layout not in LAYOUTS:
        raise CorpusError(f"there is no layout {layout!r}; choose auto or one of {', '.join(LAYOUTS)}")
    return LAYOUTS[layout_of(folder) if layout == "auto" else layout](folder)


def joined_stretches(stretches: list[list[float]], max_seconds: float) -> list[tuple[float, float]]:
    """Stretches of speech (start, end) joined to pieces of at most `max_seconds`; a longer stretch stays one piece."""
    pieces: list[tuple[float, float]] = []
    for start, end in stretches:
        if pieces and end - pieces[-1][0] <= max_seconds:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return pieces


def _is_part(path: Path) -> bool:
    """Whether this is a part of LibriSpeech: train-clean-100, dev-other and so on, with chapters in it."""
    return path.is_dir() and path.name.split("-")[0] in ("train", "dev", "test") and "-" in path.name


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES


def _numbered_split(number: int) -> str:
    return "dev" if number % HELD_OUT_CLIPS == HELD_OUT_CLIPS - 1 else "train"
