"""Errors for files that are given as a corpus and are none: what they are and what to do with them."""

import gzip
import json
from pathlib import Path

from undertone.train.corpora.source import CorpusError

AUDIO = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".webm", ".mp4"}
ARCHIVES = {".tar", ".zip", ".tgz", ".gz", ".xz", ".bz2"}
TABLES = {".parquet", ".arrow", ".csv", ".tsv", ".txt", ".xlsx"}
GIVE = "Give a corpus folder, cuts as `lhotse` writes them (.jsonl or .jsonl.gz), or a NeMo manifest"
TABLE = "manifest.tsv (utt_id, file, speaker, split, transcript) beside the recordings"


def check_cuts_file(path: Path) -> None:
    """Check that a file is a list of Lhotse's cuts, by its name and its first line.

    Raises:
        CorpusError: something else, with its kind and what to do.
    """
    if not path.name.endswith((".jsonl", ".jsonl.gz")):
        kind, advice = _kind_and_advice(path)
        raise CorpusError(f"{path} is {kind}, not a corpus. {advice}")
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            first = json.loads(next(iter(lines), "null"))
    except (OSError, EOFError, ValueError) as error:
        raise CorpusError(f"{path} cannot be read as JSON, one object a line ({error}). {GIVE}.") from error
    if not isinstance(first, dict) or not str(first.get("type", "")).endswith("Cut"):
        keys = ", ".join(list(first)[:6]) if isinstance(first, dict) else "nothing"
        raise CorpusError(
            f"{path} is a list of something else: its first line holds {keys}, where a cut of Lhotse has a `type` "
            f"such as MonoCut. {GIVE}; of other lists make a {TABLE}."
        )


def _kind_and_advice(path: Path) -> tuple[str, str]:
    """Return what a file is, and what to give instead."""
    suffix = path.suffix.lower()
    of_tables = f"{GIVE}; of a table make a {TABLE}."
    if path.name == "wav.scp":
        advice = "Give its folder: wav.scp, text, utt2spk and segments are read there."
        return "a Kaldi list of recordings", advice
    if suffix in AUDIO:
        return "a single recording", "Give the folder that it lies in; a model needs hours of them."
    if suffix in ARCHIVES:
        return f"an archive ({suffix})", "Unpack it and give the folder."
    if suffix in TABLES:
        return f"a table ({suffix})", of_tables
    return "a JSON file" if suffix == ".json" else "a file of an unknown kind", of_tables
