"""Corpus to shards that stream: Lhotse Shar, one tar a field, so that tokens join later without a copy of the rest.

OUT/SPLIT/cuts.000012.jsonl.gz, recording.000012.tar (FLAC), mel.000012.tar (float16), lengths.000012.npy,
shard.000012.json

The last one is written last and by renaming, so a shard that has it is whole and is never made again. Any number of
processes and nodes share the work through the folder alone (train/data/processes.py). Memory holds one clip per worker.

Lhotse Shar rather than WebDataset: its fields are separate files over one manifest, where WebDataset keeps a sample's
fields in one tar and would have to be rewritten for every new tokenizer; and WebDataset leaves exact resume to its
user (webdataset/webdataset#271) just as Shar does, so nothing is lost.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from lhotse import AudioSource, MonoCut, Recording, SupervisionSegment
from lhotse.array import Array
from lhotse.audio.backend import LibsndfileBackend, set_current_audio_backend
from lhotse.shar import ArrayTarWriter, AudioTarWriter, JsonlShardWriter
from tqdm import tqdm

from undertone.engine.files.atomic_files import write_whole
from undertone.engine.worker_pool import map_in_workers
from undertone.train.corpora.manifest import DONE, FOLDER, Manifest
from undertone.train.corpora.source import CorpusError
from undertone.train.data.clean import CleanClip, CleanSettings, clean_clips, save_clean_settings
from undertone.train.data.corpus_report import REPORT, write_report
from undertone.train.data.prepare import SHARD_HOURS, list_corpus
from undertone.train.data.processes import WorkShare, share, wait_for

INDEX = "shards.json"
POLL_SECONDS = 0.5


def shard_file(out: Path, split: str, field: str, number: int, suffix: str) -> Path:
    """Return where a shard keeps one field."""
    return out / split / f"{field}.{number:06d}{suffix}"


def prepare_shards(
    corpus: Path,
    out: Path,
    splits: tuple[str, ...] = ("train", "dev"),
    workers: int = 2,
    settings: CleanSettings = CleanSettings(),
    layout: str = "auto",
    shard_hours: float = SHARD_HOURS,
    encoding: str = "",
) -> dict[str, Any]:
    """Prepare this process' share of a corpus; the process that ends last writes the index and the report.

    Args:
        corpus: folder that one of the layouts fits, or cuts that Lhotse wrote.
        out: a folder that all processes see; finished shards in it are kept.
        workers: processes that this process starts.
    Returns:
        the report: clips, hours and speakers a split, and what was left out and why.
    Raises:
        CorpusError: nothing usable, or the folder was begun with other settings.
    """
    ours = share()
    if (out / INDEX).is_file():
        manifest = Manifest(out)
        manifest.check_asked(str(corpus), splits, layout)
        save_clean_settings(out, settings)
        if not manifest.missing_splits(splits) and _covers(out / INDEX, manifest):
            return dict(json.loads((out / REPORT).read_text()))
    if ours.is_first:
        list_corpus(corpus, out, splits, layout, shard_hours, encoding)
        save_clean_settings(out, settings)
    manifest = _listed_manifest(out, splits)
    for split in manifest.shards:
        (out / split).mkdir(exist_ok=True)
    work = [(split, number) for split, count in manifest.shards.items() for number in range(count)]
    run_shards(partial, (write_shard, out, settings), unfinished(out, work, ours), workers, "prepare")
    return _finish(out, manifest, work)


def _listed_manifest(out: Path, splits: tuple[str, ...]) -> Manifest:
    """Return the manifest once the first process has listed all of the splits."""
    wait_for(out / FOLDER / DONE)
    while (manifest := Manifest(out)).missing_splits(splits):
        time.sleep(POLL_SECONDS)
    return manifest


def _covers(index: Path, manifest: Manifest) -> bool:
    """Return whether an index holds every split that was listed; it lacks those that are being added."""
    return manifest.shards.keys() <= json.loads(index.read_text()).keys()


def unfinished(out: Path, work: list[tuple[str, int]], ours: WorkShare, field: str = "shard") -> list[tuple[str, int]]:
    """Return this process' shards that have no finished file of this field yet."""
    own = [work[i] for i in ours.own(list(range(len(work))))]
    suffix = ".json" if field == "shard" else ".tar"
    return [(split, number) for split, number in own if not shard_file(out, split, field, number, suffix).is_file()]


def run_shards(
    build: Callable[..., Callable[[tuple[str, int]], None]],
    arguments: tuple[Any, ...],
    work: list[tuple[str, int]],
    workers: int,
    name: str,
) -> None:
    """Run a task on every (split, number), with progress over the shards of this process.

    Args:
        build, arguments: what makes the task, as `map_in_workers` takes them.
        workers: processes; with one the work is done here.
        name: shown before the progress bar.
    """
    if not work:
        return
    ours = share()
    described = name if ours.count == 1 else f"{name} {ours.index + 1}/{ours.count}"
    with tqdm(total=len(work), desc=described, unit=" shards", mininterval=5.0, position=ours.index) as bar:
        for _ in map_in_workers(build, arguments, work, workers):
            bar.update()


def write_shard(out: Path, settings: CleanSettings, item: tuple[str, int]) -> None:
    """Write one shard; what a killed run left of it is removed first."""
    split, number = item
    partial_folder = out / split / f".partial-{number:06d}"
    shutil.rmtree(partial_folder, ignore_errors=True)
    partial_folder.mkdir(parents=True)
    set_current_audio_backend(LibsndfileBackend())
    lengths: list[tuple[int, int]] = []
    speakers: dict[str, tuple[float, int]] = {}  # seconds and clips
    rejected: list[dict[str, str]] = []
    rate_hz = settings.mel.sample_rate_hz
    with (
        JsonlShardWriter(str(partial_folder / "cuts.jsonl.gz"), shard_size=None) as cuts,
        AudioTarWriter(str(partial_folder / "recording.tar"), shard_size=None, format="flac") as audio,
        ArrayTarWriter(str(partial_folder / "mel.tar"), shard_size=None) as mels,
    ):
        for cut in Manifest(out).shard(split, number):
            clips, reasons = clean_clips(cut, settings)
            path = cut.recording.sources[0].source
            rejected += [{"clip_id": cut.id, "path": path, "reason": reason} for reason in reasons]
            for clip in clips:
                described = shar_cut(clip, rate_hz)
                cuts.write(described)
                audio.write(clip.clip_id, clip.samples[None] / np.float32(32767), rate_hz, described.recording)
                mels.write(clip.clip_id, clip.mel, array_manifest(clip.mel))
                lengths.append((len(clip.mel), len(clip.samples)))
                seconds, count = speakers.get(clip.speaker, (0.0, 0))
                speakers[clip.speaker] = seconds + len(clip.samples) / rate_hz, count + 1
    for field, suffix in (("cuts", ".jsonl.gz"), ("recording", ".tar"), ("mel", ".tar")):
        if lengths:  # an empty shard has no files, and its number of clips says so
            (partial_folder / f"{field}{suffix}").rename(shard_file(out, split, field, number, suffix))
    np.save(shard_file(out, split, "lengths", number, ".npy"), np.array(lengths, dtype=np.int64).reshape(-1, 2))
    facts = {"clips": len(lengths), "frames": sum(n for n, _ in lengths), "speakers": speakers, "rejected": rejected}
    done = partial_folder / "shard.json"
    done.write_text(json.dumps(facts))
    done.rename(shard_file(out, split, "shard", number, ".json"))
    shutil.rmtree(partial_folder)


def shar_cut(clip: CleanClip, rate_hz: int) -> MonoCut:
    """Return the cut of a stored clip; its data are placeholders that Shar's reader fills."""
    seconds = len(clip.samples) / rate_hz
    source = AudioSource(type="shar", channels=[0], source="")
    recording = Recording(clip.clip_id, [source], rate_hz, len(clip.samples), seconds)
    text = SupervisionSegment(clip.clip_id, clip.clip_id, 0.0, seconds, 0, clip.transcript, speaker=clip.speaker)
    facts = {"split": clip.split, "mel": array_manifest(clip.mel)}
    return MonoCut(clip.clip_id, 0.0, seconds, 0, [text], recording=recording, custom=facts)


def array_manifest(values: np.ndarray) -> Array:
    """Return the manifest of an array whose data Shar's reader fills in."""
    return Array(storage_type="shar", storage_path="", storage_key="", shape=list(values.shape))


def shard_facts(out: Path, work: list[tuple[str, int]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return what every finished shard says of itself."""
    for split, number in work:
        yield split, json.loads(shard_file(out, split, "shard", number, ".json").read_text())


def _finish(out: Path, manifest: Manifest, work: list[tuple[str, int]]) -> dict[str, Any]:
    """Wait for the shards of the other processes, then write the index and the report, the same from any process."""
    for split, number in work:
        wait_for(shard_file(out, split, "shard", number, ".json"), every_seconds=POLL_SECONDS)
    if not share().is_first:
        wait_for(out / INDEX)
        while not _covers(out / INDEX, manifest):
            time.sleep(POLL_SECONDS)
        return dict(json.loads((out / REPORT).read_text()))
    rejected = manifest.rejected()
    kept: list[tuple[str, str, float, int]] = []
    index: dict[str, dict[str, list[int]]] = {split: {"clips": [], "frames": []} for split in manifest.shards}
    for split, facts in shard_facts(out, work):
        rejected += facts["rejected"]
        kept += [(split, speaker, seconds, count) for speaker, (seconds, count) in facts["speakers"].items()]
        index[split]["clips"].append(facts["clips"])
        index[split]["frames"].append(facts["frames"])
    if not kept:
        raise CorpusError(f"no usable recording in {manifest.corpus}; see {out / 'rejected.jsonl'} for the reasons")
    report = write_report(out, manifest.corpus, kept, rejected, manifest.facts)
    write_whole(out / INDEX, json.dumps(index) + "\n")
    return report
