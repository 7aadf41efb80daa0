"""Measure other systems' sounds as a bundle's: a folder of recordings for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from undertone.engine import AudioError, read_audio
from undertone.engine.audio.loudness import LOUDNESS_LUFS, to_loudness
from undertone.engine.audio.reading import SUFFIXES, resample
from undertone.engine.worker_pool import map_in_processes
from undertone.studies.errors import MeasureError
from undertone.studies.evaluation.context import EvaluationContext
from undertone.studies.evaluation.jobs import InstalledMeasures, RecognisedSpeech, Samples
from undertone.studies.evaluation.results import Row
from undertone.studies.measures.intervals import ShareEstimate


@dataclass(frozen=True)
class OtherSystem:
    """A folder of sounds and the name of its row; `NAME.txt` beside `NAME.wav` is its transcript."""

    name: str
    folder: Path

    @classmethod
    def parse(cls, text: str) -> "OtherSystem":
        """Parse `NAME=FOLDER`.

        Raises:
            MeasureError: another form, a folder that does not exist or holds no sound.
        """
        name, equals, folder = text.partition("=")
        if not equals or not name.strip() or not folder:
            raise MeasureError(f"--also takes NAME=FOLDER, got {text!r}.")
        other = cls(name.strip(), Path(folder))
        if not other.folder.is_dir() or not other.files():
            raise MeasureError(f"{folder} holds no sounds ({', '.join(SUFFIXES)}) for {name.strip()!r}.")
        return other

    def files(self) -> list[Path]:
        """Return its sound files, sorted by name."""
        return sorted(path for path in self.folder.iterdir() if path.suffix.lower() in SUFFIXES)


@dataclass(frozen=True)
class _Job:
    audio: Samples
    transcript: str | None
    installed: InstalledMeasures


def other_rows(measuring: EvaluationContext, others: Sequence[OtherSystem]) -> Iterator[Row]:
    """Return one row for every sound, at the loudness of the bundle's own; unusable ones are noted as skipped."""
    read: list[tuple[OtherSystem, Path, float]] = []

    def jobs() -> Iterator[_Job]:
        rate = measuring.engine.sample_rate_hz
        loudness = measuring.engine.bundle.config.prompt_loudness_lufs or LOUDNESS_LUFS
        for other in others:
            for path in other.files():
                try:
                    waveform = to_loudness(resample(*read_audio(path), rate), rate, loudness)
                except AudioError as error:
                    measuring.skipped[f"{other.name}/{path.name}"] = str(error)
                    continue
                said = path.with_suffix(".txt")
                transcript = said.read_text(encoding="utf-8").strip() if said.is_file() else None
                read.append((other, path, len(waveform) / rate))
                yield _Job(waveform.numpy(), transcript or None, measuring.installed)

    for index, (measures, text) in enumerate(map_in_processes(_measure_sound, jobs(), measuring.workers)):
        other, path, seconds = read[index]
        yield Row(path.stem, path.stem, seconds, other.name, measures, text)


def _measure_sound(job: _Job) -> tuple[dict[str, ShareEstimate], str | None]:
    heard = RecognisedSpeech.of(torch.from_numpy(job.audio), job.installed)
    return heard.measures(job.transcript), heard.text
