"""Held-out recordings of a corpus: which clips are measured, and the same clips for every bundle."""

import csv
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Protocol, TypeAlias

import soundfile
from torch import Tensor

from undertone.engine import AudioError, Engine, Speech, read_audio
from undertone.engine.audio.loudness import trim_silence
from undertone.engine.audio.reading import resample
from undertone.studies.errors import MeasureError

ALL_SPLITS = "all"  # a name that chooses every split
MANIFEST = "manifest.tsv"
MANIFEST_COLUMNS = {"utt_id", "file", "speaker", "split", "transcript"}


@dataclass(frozen=True)
class HeldOut:
    """One recording that the model was not trained on."""

    clip_id: str
    path: Path
    speaker: str
    transcript: str
    start_seconds: float = 0.0
    seconds: float | None = None  # None: to the end of the file


class ListedRecording(Protocol):
    """A recording, or a piece of one, as the reader of a layout lists it."""

    @property
    def clip_id(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def speaker(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def transcript(self) -> str: ...
    @property
    def start_seconds(self) -> float: ...
    @property
    def seconds(self) -> float | None: ...


@dataclass(frozen=True)
class ListedCorpus:
    """Recordings of a corpus of any layout, by split."""

    folder: Path
    splits: dict[str, tuple[HeldOut, ...]]

    @classmethod
    def from_list(cls, folder: Path, recordings: Iterable[ListedRecording]) -> "ListedCorpus":
        """Sort the recordings of a folder by their splits."""
        found: dict[str, list[HeldOut]] = {}
        for one in recordings:
            clip = HeldOut(one.clip_id, Path(one.path), one.speaker, one.transcript, one.start_seconds, one.seconds)
            found.setdefault(one.split, []).append(clip)
        return cls(folder, {split: tuple(clips) for split, clips in found.items()})

    def split_to_measure(self, asked: str | None = None) -> str:
        """Return the split that was asked for; else test, or dev where the corpus names no test split."""
        return asked or ("test" if self.splits.get("test") else "dev")

    def of(self, split: str) -> list[HeldOut]:
        """Return the recordings of a split; of all splits for "all"."""
        chosen = self.splits.values() if split == ALL_SPLITS else [self.splits.get(split, ())]
        return list(chain.from_iterable(chosen))


Corpus: TypeAlias = Path | ListedCorpus


@dataclass(frozen=True)
class DurationRange:
    """Shortest and longest clip to take, seconds."""

    shortest: float
    longest: float


def held_out_clips(corpus: Corpus, split: str, num_clips: int, seconds: DurationRange, seed: int = 0) -> list[HeldOut]:
    """Choose clips of a split, alternating between speakers, so that every speaker weighs about the same.

    Args:
        corpus: folder with manifest.tsv (utt_id, file, speaker, split, transcript), or recordings that are listed.
        split: of the corpus, or "all".
        num_clips: at most; fewer where the split has fewer.
        seconds: of the files; those outside are left out.
        seed: of the choice; the clips depend on nothing else.
    Raises:
        MeasureError: the manifest cannot be used, or no clip of the split fits.
    """
    fitting = [clip for clip in _read(corpus, split) if has_length(clip, seconds)]
    chosen = list(islice(alternate_speakers(fitting, seed), num_clips))
    if not chosen:
        raise MeasureError(
            f"no clip of the split {split!r} in {corpus_folder(corpus)} is {seconds.shortest:g} to {seconds.longest:g} "
            "s long and has a transcript; choose another split with --split, or a corpus with more of them."
        )
    return chosen


def other_recordings(corpus: Corpus, split: str, clips: list[HeldOut], seconds: DurationRange) -> dict[str, HeldOut]:
    """Return, for every speaker of the clips, one more recording that is none of them, where there is one."""
    taken, speakers = {clip.clip_id for clip in clips}, {clip.speaker for clip in clips}
    found: dict[str, HeldOut] = {}
    for clip in _read(corpus, split):
        if clip.speaker in speakers - found.keys() and clip.clip_id not in taken and has_length(clip, seconds):
            found[clip.speaker] = clip
    return found


def analyse_clip(engine: Engine, clip: HeldOut) -> Speech:
    """Analyse a clip prepared as training prepares it: its ends trimmed, at the bundle's loudness.

    Raises:
        AudioError: the recording cannot be used.
    """
    return engine.analyse(read_trimmed(engine, clip), engine.sample_rate_hz)


def read_trimmed(engine: Engine, clip: HeldOut) -> Tensor:
    """Return the samples of a clip at the engine's rate without the silence at its ends."""
    waveform, sample_rate_hz = read_audio(clip.path)
    first = round(clip.start_seconds * sample_rate_hz)
    last = None if clip.seconds is None else first + round(clip.seconds * sample_rate_hz)
    return trim_silence(resample(waveform[first:last], sample_rate_hz, engine.sample_rate_hz), engine.sample_rate_hz)


def corpus_folder(corpus: Corpus) -> Path:
    """Return where a corpus lies."""
    return corpus.folder if isinstance(corpus, ListedCorpus) else corpus


def _read(corpus: Corpus, split: str) -> list[HeldOut]:
    """Return the clips of a split that have a transcript."""
    if isinstance(corpus, Path):
        return _read_manifest(corpus, split)
    spoken = [clip for clip in corpus.of(split) if _is_spoken(clip.transcript)]
    if not spoken:
        found = ", ".join(f"{name} ({len(clips)} recordings)" for name, clips in corpus.splits.items()) or "none"
        raise MeasureError(
            f"{corpus.folder} has no recordings with transcripts in the split {split!r}; its splits: {found}. "
            'Name another with --split, "all" for every one, or add transcripts.'
        )
    return spoken


def manifest_rows(corpus: Path) -> list[dict[str, str]]:
    """Read the rows of a corpus's manifest.tsv.

    Raises:
        MeasureError: there is no manifest, or it lacks columns.
    """
    manifest = corpus / MANIFEST
    if not manifest.is_file():
        raise MeasureError(f"{manifest} does not exist; a corpus to measure on lists its clips there ({_columns()}).")
    with manifest.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    if missing := MANIFEST_COLUMNS - set(rows[0] if rows else ()):
        raise MeasureError(f"{manifest} lacks the columns {', '.join(sorted(missing))}; it needs {_columns()}.")
    return rows


def _read_manifest(corpus: Path, split: str) -> list[HeldOut]:
    rows = manifest_rows(corpus)
    clips = [
        HeldOut(row["utt_id"], corpus / row["file"], row["speaker"], row["transcript"].strip())
        for row in rows
        if split in (ALL_SPLITS, row["split"]) and _is_spoken(row["transcript"])
    ]
    if not clips:
        splits = ", ".join(sorted({row["split"] for row in rows}))
        raise MeasureError(
            f"{corpus / MANIFEST} has no clips with transcripts in the split {split!r}; its splits: {splits}."
        )
    return clips


def alternate_speakers(clips: list[HeldOut], seed: int) -> Iterator[HeldOut]:
    """Return one clip of every speaker, then a second of every speaker, and so on."""
    generator = random.Random(seed)
    by_speaker: dict[str, list[HeldOut]] = {}
    for clip in sorted(clips, key=lambda clip: clip.clip_id):
        by_speaker.setdefault(clip.speaker, []).append(clip)
    queues = list(by_speaker.values())
    for queue in queues:
        generator.shuffle(queue)
    generator.shuffle(queues)
    rounds = chain.from_iterable(zip_longest(*queues))
    return (clip for clip in rounds if clip is not None)


def _is_spoken(transcript: str) -> bool:
    """Return whether a transcript is the words of the clip; brackets hold remarks, such as "[part 1/2 of]"."""
    return bool(transcript.strip()) and "[" not in transcript


def has_length(clip: HeldOut, seconds: DurationRange) -> bool:
    """Return whether a recording can be read and its length is in the range."""
    try:
        length = _seconds_of(clip.path)
    except (AudioError, OSError):
        return False
    length = length if clip.seconds is None else clip.seconds
    return seconds.shortest <= length <= seconds.longest


def _seconds_of(path: Path) -> float:
    """Return the length of a recording: from its header where libsndfile reads it, else by decoding it."""
    try:
        return float(soundfile.info(path).duration)
    except soundfile.LibsndfileError:
        waveform, sample_rate_hz = read_audio(path)
        return len(waveform) / sample_rate_hz


def _columns() -> str:
    return ", ".join(sorted(MANIFEST_COLUMNS))
