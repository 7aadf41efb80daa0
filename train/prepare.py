"""Corpus to prepared folder: 16 kHz, one loudness, trimmed ends, log-mels; broken files are reported, not hidden.

A prepared folder holds `index.jsonl` (one clip a line), `audio.i16` (all clips end to end, int16) and `mel.f16`
(their natural-log mels, [frames, M] float16), so that training reads them through memory maps.
"""

import csv
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio
from tqdm import tqdm

from engine.config import MelConfig
from engine.errors import AudioError, UndertoneError
from engine.loudness import to_loudness, trim_silence
from engine.mel import LogMel

log = logging.getLogger(__name__)

MIN_SECONDS = 1.0
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")


class CorpusError(UndertoneError):
    """A corpus folder or manifest that cannot be used."""


@dataclass(frozen=True)
class Source:
    """One recording as the corpus lists it."""

    clip_id: str
    path: str
    speaker: str
    split: str
    transcript: str


@dataclass(frozen=True)
class Clip:
    """One prepared clip: where its samples and frames lie in the flat files."""

    clip_id: str
    speaker: str
    split: str
    transcript: str
    sample_offset: int
    num_samples: int
    frame_offset: int
    num_frames: int


def read_corpus(folder: Path) -> list[Source]:
    """The recordings of a corpus: its `manifest.tsv`, or every audio file below it (transcripts from NAME.txt).

    Without a manifest the parent folder's name is the speaker and every twentieth clip is held out as dev.
    """
    manifest = folder / "manifest.tsv"
    if manifest.is_file():
        with manifest.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        needed = {"utt_id", "file", "speaker", "split", "transcript"}
        missing = needed - set(rows[0] if rows else ())
        if missing:
            raise CorpusError(f"{manifest} lacks the columns {sorted(missing)}; it needs {sorted(needed)}")
        return [Source(r["utt_id"], str(folder / r["file"]), r["speaker"], r["split"], r["transcript"]) for r in rows]
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    if not paths:
        raise CorpusError(f"{folder} has no manifest.tsv and no audio files ({', '.join(AUDIO_SUFFIXES)})")
    return [_source_of(folder, path, number) for number, path in enumerate(paths)]


def _source_of(folder: Path, path: Path, number: int) -> Source:
    text = path.with_suffix(".txt")
    return Source(
        clip_id=str(path.relative_to(folder).with_suffix("")),
        path=str(path),
        speaker=path.parent.name,
        split="dev" if number % 20 == 19 else "train",
        transcript=text.read_text(encoding="utf-8").strip() if text.is_file() else "",
    )


def clean(waveform: torch.Tensor, sample_rate_hz: int, mel: MelConfig) -> torch.Tensor:
    """Mono waveform to 16 kHz, trimmed at its ends, at one loudness.

    Args:
        waveform: float32 [samples].
    Returns:
        float32 [samples] in [-1, 1].
    Raises:
        AudioError: silent, not finite, or shorter than a second after trimming.
    """
    if not torch.isfinite(waveform).all():
        raise AudioError("holds samples that are not finite")
    waveform = torchaudio.functional.resample(waveform, sample_rate_hz, mel.sample_rate_hz)
    waveform = trim_silence(waveform, mel.sample_rate_hz)
    seconds = len(waveform) / mel.sample_rate_hz
    if seconds < MIN_SECONDS:
        raise AudioError(f"is {seconds:.2f} s long after trimming silence; at least {MIN_SECONDS:.1f} s are needed")
    return to_loudness(waveform, mel.sample_rate_hz)


def _prepare_one(source: Source, mel: MelConfig) -> tuple[np.ndarray, np.ndarray] | str:
    """Samples int16 and log-mel float16 of one recording, or why it cannot be used."""
    torch.set_num_threads(1)
    try:
        samples, sample_rate_hz = soundfile.read(source.path, dtype="float32", always_2d=True)
        waveform = clean(torch.from_numpy(samples.mean(1)), sample_rate_hz, mel)
        log_mel = LogMel(mel)(waveform)
    except (soundfile.LibsndfileError, AudioError, OSError, RuntimeError) as error:
        return str(error)
    return (waveform * 32767).round().to(torch.int16).numpy(), log_mel.to(torch.float16).numpy()


def prepare(
    corpus: Path, out: Path, splits: tuple[str, ...] = ("train", "dev"), workers: int = 2, mel: MelConfig = MelConfig()
) -> list[Clip]:
    """Prepare a corpus once; a finished folder is returned as it is.

    Args:
        corpus: folder that `read_corpus` understands.
        out: prepared folder; written under another name first and renamed when whole.
        splits: the splits to keep; test is never prepared for training.
    Raises:
        CorpusError: nothing usable. Files that fail are listed in `rejected.jsonl` and logged.
    """
    if (out / "index.jsonl").is_file():
        return read_index(out)
    sources = [source for source in read_corpus(corpus) if source.split in splits]
    out.mkdir(parents=True, exist_ok=True)
    clips: list[Clip] = []
    rejected: list[dict[str, str]] = []
    with (
        (out / "audio.i16").open("wb") as audio_file,
        (out / "mel.f16").open("wb") as mel_file,
        ProcessPoolExecutor(workers) as pool,
    ):
        samples_written = frames_written = 0
        results = pool.map(partial(_prepare_one, mel=mel), sources, chunksize=8)
        for source, result in zip(
            sources, tqdm(results, total=len(sources), desc="prepare", mininterval=5.0), strict=True
        ):
            if isinstance(result, str):
                rejected.append({"clip_id": source.clip_id, "path": source.path, "reason": result})
                continue
            samples, log_mel = result
            audio_file.write(samples.tobytes())
            mel_file.write(log_mel.tobytes())
            clips.append(
                Clip(
                    source.clip_id, source.speaker, source.split, source.transcript,
                    samples_written, len(samples), frames_written, len(log_mel),
                )
            )  # fmt: skip
            samples_written += len(samples)
            frames_written += len(log_mel)
    if not clips:
        reason = f"; the first: {rejected[0]['path']} {rejected[0]['reason']}" if rejected else ""
        raise CorpusError(f"no usable recording in {corpus} for the splits {splits}{reason}")
    if rejected:
        log.warning("%d of %d recordings rejected, see %s", len(rejected), len(sources), out / "rejected.jsonl")
    (out / "rejected.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rejected))
    partial_index = out / "index.jsonl.partial"
    partial_index.write_text("".join(json.dumps(asdict(clip)) + "\n" for clip in clips))
    partial_index.rename(out / "index.jsonl")
    return clips


def read_index(folder: Path) -> list[Clip]:
    """The clips of a prepared folder."""
    path = folder / "index.jsonl"
    if not path.is_file():
        raise CorpusError(f"{folder} is not a prepared corpus: it has no index.jsonl. Run `undertone prepare` first.")
    return [Clip(**json.loads(line)) for line in path.read_text().splitlines()]


def clips_of(clips: list[Clip], split: str) -> Iterator[Clip]:
    """The clips of one split."""
    return (clip for clip in clips if clip.split == split)


class PreparedCorpus:
    """Memory-mapped audio and mels of a prepared folder, per split."""

    def __init__(self, folder: Path, split: str, mel: MelConfig = MelConfig()) -> None:
        self.clips = list(clips_of(read_index(folder), split))
        if not self.clips:
            raise CorpusError(f"{folder} has no clips of the split {split!r}")
        self._audio = np.memmap(folder / "audio.i16", dtype=np.int16, mode="r")
        self._mel = np.memmap(folder / "mel.f16", dtype=np.float16, mode="r").reshape(-1, mel.num_mels)

    def audio(self, clip: Clip, start: int = 0, count: int | None = None) -> torch.Tensor:
        """float32 [samples] of a clip, or of `count` samples from `start`."""
        count = clip.num_samples - start if count is None else count
        begin = clip.sample_offset + start
        return torch.from_numpy(self._audio[begin : begin + count].astype(np.float32) / 32767)

    def mel(self, clip: Clip, start: int = 0, count: int | None = None) -> torch.Tensor:
        """Natural-log mel float32 [frames, M] of a clip, or of `count` frames from `start`."""
        count = clip.num_frames - start if count is None else count
        begin = clip.frame_offset + start
        return torch.from_numpy(self._mel[begin : begin + count].astype(np.float32))
