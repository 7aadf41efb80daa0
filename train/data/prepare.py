"""Corpus to prepared folder, small enough for one machine: flat files that training reads through memory maps.

A prepared folder holds `index.jsonl` (one clip a line), `audio.i16` (all clips end to end, int16) and `mel.f16`
(their natural-log mels, [frames, M] float16). A corpus of thousands of hours goes to shards instead
(train/data/shards.py).
"""

import json
import logging
from contextlib import ExitStack, closing
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from undertone.engine.files.atomic_files import write_whole
from undertone.engine.worker_pool import worker_pool
from undertone.train.corpora import CorpusError, layout_of
from undertone.train.corpora.added_splits import add_splits
from undertone.train.corpora.hub_datasets import fetch_dataset, is_hub_dataset
from undertone.train.corpora.layouts import is_cut_manifest
from undertone.train.corpora.manifest import DONE, FOLDER, Manifest, cuts_of_corpus, write_manifest
from undertone.train.corpora.packed import unpack_tables
from undertone.train.corpora.source import Notes
from undertone.train.data.clean import CleanClip, CleanSettings, clean_clips, save_clean_settings
from undertone.train.data.corpus_report import REJECTED, write_report
from undertone.train.data.flat_corpus import read_index
from undertone.train.data.flat_files import INDEX, JOURNAL, Clip, FlatWriter

log = logging.getLogger(__name__)

SHARD_HOURS = 1.0  # 29 MB of mels, about 60 MB of FLAC
CUTS_AT_ONCE = 64
CUTS_OF_A_WORKER = 16  # that are sent to it at once


def list_corpus(
    corpus: Path,
    out: Path,
    splits: tuple[str, ...],
    layout: str = "auto",
    shard_hours: float = SHARD_HOURS,
    encoding: str = "",
) -> Manifest:
    """Return the manifest of a corpus, written once; splits that it lacks are listed behind those that it has.

    Raises:
        CorpusError: nothing to list, or a folder that was prepared from something else.
    """
    if (out / FOLDER / DONE).is_file():
        manifest = Manifest(out)
        manifest.check_asked(str(corpus), splits, layout)
        if missing := manifest.missing_splits(splits):
            notes = Notes(encoding=encoding)
            folder, _ = _readable(corpus, out, missing, layout, notes)
            add_splits(manifest, folder, missing, notes)
            return Manifest(out)
        return manifest
    notes = Notes(guessed=layout == "auto", encoding=encoding)
    folder, layout = _readable(corpus, out, splits, layout, notes)
    write_manifest(cuts_of_corpus(folder, layout, notes), out, str(corpus), splits, shard_hours, notes=notes)
    return Manifest(out)


def _readable(corpus: Path, out: Path, splits: tuple[str, ...], layout: str, notes: Notes) -> tuple[Path, str]:
    """Return where the recordings of a corpus lie as files, and in which layout; nothing is written if in none.

    A dataset of the Hub is fetched, and one whose recordings are cells of tables is unpacked below `out`.
    """
    folder = fetch_dataset(str(corpus), splits) if is_hub_dataset(corpus) else corpus
    if is_cut_manifest(folder):
        return folder, layout
    found = layout_of(folder) if layout == "auto" else layout
    return (unpack_tables(folder, out, splits, notes), found) if found == "parquet" else (folder, layout)


def prepare(
    corpus: Path,
    out: Path,
    splits: tuple[str, ...] = ("train", "dev"),
    workers: int = 2,
    settings: CleanSettings = CleanSettings(),
    layout: str = "auto",
    encoding: str = "",
) -> list[Clip]:
    """Prepare a corpus once; a finished folder is returned as it is, an interrupted one goes on.

    Splits that a finished folder lacks are appended to it: clips that it has keep their offsets.

    Args:
        corpus: folder that one of the layouts fits, cuts that Lhotse wrote, or OWNER/NAME of a dataset of the Hub.
        out: prepared folder; its index is written last.
        splits: the splits to keep; test is never prepared for training.
        encoding: of text files that are no Unicode; by default it is told from them.
    Raises:
        CorpusError: nothing usable. Files that fail are listed in `rejected.jsonl`, counted in `report.json`, logged.
    """
    if (out / INDEX).is_file() and not (out / JOURNAL).is_file():
        if not (out / FOLDER / DONE).is_file() or not _lacks_splits(corpus, out, splits, layout, settings):
            return read_index(out)
        _reopen(out)
    try:
        manifest = list_corpus(corpus, out, splits, layout, encoding=encoding)
    except CorpusError:
        if (out / INDEX).is_file():
            (out / JOURNAL).unlink(missing_ok=True)  # nothing could be added, so it is finished as it was
        raise
    save_clean_settings(out, settings)
    (out / INDEX).unlink(missing_ok=True)
    with closing(FlatWriter.open(out, settings.mel.num_mels)) as files:
        _clean_all(manifest, files, workers, settings)
    clips, rejected = files.clips, manifest.rejected() + files.rejected
    if not clips:
        reason = f"; the first: {rejected[0]['path']} {rejected[0]['reason']}" if rejected else ""
        raise CorpusError(f"no usable recording in {corpus} for the splits {splits}{reason}")
    rate_hz = settings.mel.sample_rate_hz
    kept = ((clip.split, clip.speaker, clip.num_samples / rate_hz, 1) for clip in clips)
    write_report(out, manifest.corpus, kept, rejected, manifest.facts)
    write_whole(out / INDEX, "".join(json.dumps(asdict(clip)) + "\n" for clip in clips))
    (out / JOURNAL).unlink()
    return clips


def _lacks_splits(corpus: Path, out: Path, splits: tuple[str, ...], layout: str, settings: CleanSettings) -> bool:
    """Return whether a folder lacks some of the splits, once it is known to be of the same corpus and settings."""
    manifest = Manifest(out)
    manifest.check_asked(str(corpus), splits, layout)
    save_clean_settings(out, settings)
    return bool(manifest.missing_splits(splits))


def _reopen(out: Path) -> None:
    """Make a finished folder one to which recordings can be added; a process killed here leaves it whole."""
    manifest = Manifest(out)
    rejected = [json.loads(line) for line in (out / REJECTED).read_text().splitlines()]
    FlatWriter.reopen(out, manifest.num_cuts, read_index(out), rejected[manifest.num_rejected :])


def _clean_all(manifest: Manifest, files: FlatWriter, workers: int, settings: CleanSettings) -> None:
    """Clean the recordings that are not in the files yet; nobody but this process writes."""
    task = partial(clean_clips, settings=settings)
    cuts = islice(manifest.cuts(), files.recordings, None)
    if files.recordings:
        log.info("prepare goes on behind %d recordings", files.recordings)
    with ExitStack() as stack:
        total = manifest.num_cuts
        several = workers > 1 and total - files.recordings > CUTS_OF_A_WORKER  # a process takes seconds to start
        pool = stack.enter_context(worker_pool(workers)) if several else None
        bar = stack.enter_context(
            tqdm(total=total, initial=files.recordings, desc="prepare", unit=" clips", mininterval=5.0)
        )
        while block := list(islice(cuts, CUTS_AT_ONCE)):
            results = pool.map(task, block, chunksize=CUTS_OF_A_WORKER) if pool else map(task, block)
            cleaned: list[CleanClip] = []
            rejected: list[dict[str, str]] = []
            for cut, (clips, reasons) in zip(block, results, strict=True):
                path = cut.recording.sources[0].source
                rejected += [{"clip_id": cut.id, "path": path, "reason": reason} for reason in reasons]
                cleaned += clips
                bar.update()
            files.add(len(block), cleaned, rejected)
