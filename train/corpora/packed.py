"""Datasets whose recordings are cells of a table: Parquet as the Hugging Face Hub has it, Arrow as `save_to_disk` does.

They are unpacked once, one row in memory at a time, to an audio folder in the prepared one:

unpacked/source.json             the tables that it was made of
unpacked/SPLIT-00003/0000012.flac   the recording of a row as the table holds it
unpacked/SPLIT-00003/metadata.jsonl its split, speaker and text; written last, so that a killed process goes on
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from undertone.engine.audio.formats import SUFFIXES
from undertone.engine.files.atomic_files import write_whole
from undertone.train.corpora.source import CorpusError, Notes, Source, first_split
from undertone.train.corpora.tables import SPEAKER_COLUMNS, TEXT_COLUMNS, audio_folder

TABLES = (".parquet", ".arrow")
UNPACKED, SOURCE, METADATA, FACTS = "unpacked", "source.json", "metadata.jsonl", "facts.json"
MAX_RECORDING_BYTES = 1 << 30  # a day of speech as 16-bit FLAC
BUFFER_BYTES = 1 << 20  # of a column: a page is in memory, not a row group


def packed(folder: Path, notes: Notes) -> Iterator[Source]:
    """Read what `unpack_tables` wrote.

    Raises:
        CorpusError: the tables themselves were given; what to do instead.
    """
    if not (folder / SOURCE).is_file():
        raise CorpusError(
            f"the recordings of {folder} are cells of tables. `undertone prepare` unpacks them to OUT/{UNPACKED}, an "
            "audio folder; give that one here."
        )
    yield from audio_folder(folder, notes)


def packed_files(folder: Path) -> list[Path]:
    """Return the tables of a dataset, in order, from three levels of folders; caches of `datasets` are left out."""
    found = (path for depth in ("*", "*/*", "*/*/*") for path in folder.glob(depth) if path.suffix in TABLES)
    return sorted(path for path in found if not path.name.startswith("cache-") and path.is_file())


def split_of_table(path: str) -> str | None:
    """Return the split that the name of a table or of its folder tells: data/train-00000-of-00002.parquet; or None."""
    parts = reversed(Path(path).with_suffix("").parts)
    return first_split(word for part in parts for word in re.split(r"[-._]", part))


def unpack_tables(folder: Path, out: Path, splits: tuple[str, ...], notes: Notes) -> Path:
    """Unpack the tables of a dataset that hold these splits, or no split that is known; return the audio folder.

    A table that was unpacked before stays as it is.

    Args:
        folder: the dataset.
        out: the prepared folder; `out/unpacked` is written.
        notes: rows that hold no recording are counted here.
    Raises:
        CorpusError: a table that cannot be read or has no recordings in it, none of these splits, or a folder that was
            unpacked from other tables.
    """
    tables = {str(path.relative_to(folder)): path for path in packed_files(folder)}
    wanted = {name: split for name in tables if (split := split_of_table(name)) is None or split in splits}
    if not wanted:
        there = ", ".join(sorted({split for name in tables if (split := split_of_table(name))}))
        raise CorpusError(f"{folder} has tables of the splits {there} alone, not of {', '.join(splits)}; give --split")
    root = out / UNPACKED
    _check_source(root / SOURCE, {name: path.stat().st_size for name, path in tables.items()})
    numbers = {name: number for number, name in enumerate(tables)}
    for name, split in tqdm(wanted.items(), desc="unpack", unit=" tables", mininterval=5.0):
        place = root / f"{split or 'rows'}-{numbers[name]:05d}"
        if not (place / METADATA).is_file():
            _unpack_table(tables[name], split, place)
        notes.ignored.update(json.loads((place / FACTS).read_text())["ignored"])
    return root


def _check_source(path: Path, tables: dict[str, int]) -> None:
    """Write which tables a folder is unpacked from, with their bytes, or refuse one that was unpacked from others."""
    if path.is_file() and json.loads(path.read_text()) != tables:
        raise CorpusError(f"{path.parent} was unpacked from other tables; remove it, or prepare into another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(tables, indent=2) + "\n")


def _unpack_table(table: Path, split: str | None, place: Path) -> None:
    import pyarrow as pa  # here, as only these tables need it, of the extra `train`

    ignored: Counter[str] = Counter()
    lines: list[str] = []
    place.mkdir(parents=True, exist_ok=True)
    try:
        for number, row in enumerate(_rows(table)):
            data = row.recording
            if not data or len(data) > MAX_RECORDING_BYTES:
                ignored["rows without a recording in the table" if not data else "rows of more than 1 GiB"] += 1
                continue
            name = f"{number:07d}{row.suffix}"  # never the table's own, which may lead anywhere
            (place / name).write_bytes(data)
            told = {"file_name": name, "split": split or "", "speaker": row.speaker, "transcription": row.text}
            lines.append(json.dumps(told, ensure_ascii=False) + "\n")
    except pa.ArrowException as error:
        raise CorpusError(f"{table} cannot be read ({error}). Fetch it again, or leave it out.") from error
    write_whole(place / FACTS, json.dumps({"rows": len(lines), "ignored": dict(ignored)}) + "\n")
    write_whole(place / METADATA, "".join(lines))


@dataclass(frozen=True)
class _Row:
    recording: bytes | None
    suffix: str
    speaker: str
    text: str


def _rows(table: Path) -> Iterator[_Row]:
    """Yield the rows of a table, one in memory at a time."""
    batches = _parquet_batches(table) if table.suffix == ".parquet" else _arrow_batches(table)
    schema = next(batches)
    audio, text, speaker = _columns(schema, table)
    for batch in batches:
        for number in range(batch.num_rows):
            row = batch.slice(number, 1).to_pylist()[0]
            cell = row[audio] or {}
            suffix = Path(str(cell.get("path") or "")).suffix.lower()
            yield _Row(
                cell.get("bytes"),
                suffix if suffix in SUFFIXES else ".audio",  # which it is, its first bytes tell
                _text(row.get(speaker)),
                _text(row.get(text)),
            )


def _parquet_batches(table: Path) -> Iterator[Any]:
    """Yield the schema of a Parquet file, then its rows one by one."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(table, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
        yield file.schema_arrow
        columns = [name for name in _columns(file.schema_arrow, table) if name]
        yield from file.iter_batches(batch_size=1, columns=columns, use_threads=False)


def _arrow_batches(table: Path) -> Iterator[Any]:
    """Yield the schema of an Arrow file, then its batches, whose offsets are checked before they are followed."""
    import pyarrow as pa

    with pa.memory_map(str(table)) as source:
        try:
            reader = pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            source.seek(0)
            file = pa.ipc.open_file(source)
            yield file.schema
            batches: Iterator[Any] = (file.get_batch(number) for number in range(file.num_record_batches))
        else:
            yield reader.schema
            batches = iter(reader)
        for batch in batches:
            batch.validate(full=True)
            yield batch


def _columns(schema: Any, table: Path) -> tuple[str, str, str]:
    """Return the names of the columns of recordings, texts and speakers; "" for one of the latter that is not there."""
    audio = [field.name for field in schema if _is_audio(field.type)]
    if len(audio) != 1 and "audio" not in audio:
        names = ", ".join(schema.names)
        what = f"several columns of recordings, {', '.join(audio)}," if audio else "no column of recordings"
        raise CorpusError(
            f"{table} has {what} among {names}; expected one column `audio` of `bytes` and `path`, as `datasets` "
            "writes it. Of a table of file names make a metadata.csv (file_name, transcription) beside the files."
        )
    text, speaker = (
        next((name for name in names if name in schema.names), "") for names in (TEXT_COLUMNS, SPEAKER_COLUMNS)
    )
    return "audio" if "audio" in audio else audio[0], text, speaker


def _is_audio(kind: Any) -> bool:
    """Return whether a column holds recordings: `bytes` of a file and its `path`."""
    from pyarrow import types

    if not types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    cell = kind.field("bytes").type
    return any(test(cell) for test in (types.is_binary, types.is_large_binary, types.is_binary_view))


def _text(value: object) -> str:
    return " ".join(str(value).split()) if isinstance(value, str | int) else ""
