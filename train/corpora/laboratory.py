"""Corpora of speech laboratories: VCTK, TIMIT and Kaldi's data folders."""

from collections.abc import Iterator
from pathlib import Path

from undertone.train.corpora.folders import audio_files, is_audio, transcript_beside, walk
from undertone.train.corpora.source import CorpusError, Notes, Source, first_split, split_name
from undertone.train.corpora.text_files import read_text

VCTK_AUDIO = ("wav48_silence_trimmed", "wav48", "wav16", "wav22")


def vctk(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read VCTK: wav48*/SPEAKER/*.flac or .wav with txt/SPEAKER/*.txt; of two microphones the first.

    A recording of the second microphone is read only where there is none of the first.
    """
    place = vctk_audio(folder)
    assert place is not None
    files = sorted(path for path in walk(place) if is_audio(path))
    first = {path.stem.removesuffix("_mic1") for path in files if not path.stem.endswith("_mic2")}
    for path in files:
        name = path.stem.removesuffix("_mic1").removesuffix("_mic2")
        if path.stem.endswith("_mic2") and name in first:
            notes.ignored["recordings of VCTK's second microphone"] += 1
            continue
        text = folder / "txt" / path.parent.name / f"{name}.txt"
        said = " ".join(read_text(text, notes).split()) if text.is_file() else ""
        yield Source(name, str(path), path.parent.name, notes.split(name, None), said)


def vctk_audio(folder: Path) -> Path | None:
    """Return VCTK's folder of sounds; None where this is no VCTK."""
    found = (folder / name for name in VCTK_AUDIO if (folder / name).is_dir())
    return next(found, None) if (folder / "txt").is_dir() else None


def timit(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read TIMIT: TRAIN and TEST, DR1 to DR8, speakers; NAME.TXT begins with the first and the last sample."""
    for path in audio_files(folder, notes):
        relative = path.relative_to(folder)
        split = first_split(relative.parts)
        words = transcript_beside(path, notes).split()
        said = " ".join(words[2:] if len(words) > 2 and words[0].isdigit() and words[1].isdigit() else words)
        clip_id = str(relative.with_suffix(""))
        yield Source(clip_id, str(path), path.parent.name, notes.split(clip_id, split), said)


def is_timit(folder: Path) -> bool:
    """Return whether a folder has TIMIT's dialect regions."""
    parts = [path for path in folder.iterdir() if path.is_dir() and split_name(path.name)]
    return any(path.is_dir() and path.name.upper().startswith("DR") for part in parts for path in part.iterdir())


def kaldi(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read Kaldi's data folders: wav.scp, text, utt2spk and, for parts of recordings, segments.

    Raises:
        CorpusError: wav.scp holds commands (they end in `|`), which are never run.
    """
    for place in kaldi_folders(folder):
        files = _pairs(place / "wav.scp", notes)
        text = _pairs(place / "text", notes)
        speakers = _pairs(place / "utt2spk", notes)
        segments = _pairs(place / "segments", notes) or {name: f"{name} 0 -1" for name in files}
        for utterance, segment in segments.items():
            recording, start, end = [*segment.split(), "0", "-1"][:3]
            entry = files.get(recording, "")
            if not entry or entry.endswith("|"):
                what = "holds a command, which is not run" if entry else f"does not name {recording}"
                raise CorpusError(f"{place / 'wav.scp'} {what}. Write sound files and name them there.")
            path = Path(entry) if Path(entry).is_absolute() else place / entry
            seconds = None if float(end) < 0 else float(end) - float(start)
            split = notes.split(utterance, split_name(place.name.split("_")[0]) if place != folder else None)
            speaker = speakers.get(utterance, "")
            yield Source(utterance, str(path), speaker, split, text.get(utterance, ""), float(start), seconds)


def kaldi_folders(folder: Path) -> list[Path]:
    """Return the data folders: this one, or those in it that have a wav.scp."""
    if (folder / "wav.scp").is_file():
        return [folder]
    return sorted(path for path in folder.iterdir() if (path / "wav.scp").is_file())


def _pairs(path: Path, notes: Notes) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = (line.strip().partition(" ") for line in read_text(path, notes).splitlines() if line.strip())
    return {name: rest.strip() for name, _, rest in lines}
