"""Render every prompt by every system, once: a build that was interrupted goes on from the cached clips."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.signal import butter, sosfiltfilt
from torch import Tensor

from undertone.engine import PRESETS, PUBLISHED, CallProgress, Engine, Sampling, UndertoneError, wav_bytes
from undertone.engine.bundle import fingerprint
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.files.atomic_files import write_whole
from undertone.engine.worker_pool import map_in_workers
from undertone.studies.build.recordings import SUFFIXES, Recording, read_sound, sound_files
from undertone.studies.design.errors import DesignError
from undertone.studies.design.slugs import slug
from undertone.studies.design.sources import BundleSource, DegradedSource, FolderSource, SystemDesign
from undertone.studies.design.study_file import StudyFile


@dataclass(frozen=True, eq=False)
class RenderedClip:
    """A clip of one system and prompt before it is prepared."""

    system: str
    prompt: str
    waveform: Tensor  # [samples] at 16 kHz
    provenance: dict[str, Any]


@dataclass(frozen=True, eq=False)
class TakeJob:
    """Continuation of a prompt by a bundle that is not in the cache; it is pickled for a worker."""

    bundle: str  # folder or repository id
    system: str
    recording: Recording
    prompt_seconds: float
    seconds: float  # of continuation at most
    sampling: Sampling
    seed: int
    is_whole: bool  # prompt and continuation are heard
    stem: Path  # of the two files to write

    @property
    def notes(self) -> Path:
        """Return the file with the take's settings; it is written last: where it is, the sound is whole."""
        return self.stem.with_suffix(".json")

    def run(self, engine: Engine) -> None:
        """Make the take and write its two files. Raises UndertoneError: it cannot be made."""
        start = self.recording.start_seconds
        speech = engine.analyse(self.recording.waveform, SAMPLE_RATE_HZ, start, start + self.prompt_seconds)
        take = engine.continue_(speech, self.seconds, self.sampling, self.seed)
        self.stem.parent.mkdir(parents=True, exist_ok=True)
        self.stem.with_suffix(".wav").write_bytes(wav_bytes(take.audio if self.is_whole else take.continuation_audio))
        write_whole(self.notes, take.settings.model_dump_json())


def build_take_worker(device: str) -> Callable[[TakeJob], None]:
    """Return what runs jobs with a bundle that stays loaded until a job asks for another.

    It raises DesignError: the take cannot be made; the text names the system and the prompt.
    """
    engine = lru_cache(maxsize=1)(lambda bundle: Engine.from_pretrained(bundle, device=device))

    def run(job: TakeJob) -> None:
        try:
            job.run(engine(job.bundle))
        except UndertoneError as error:
            raise _unmade(job.system, job.recording, error) from error

    return run


class ClipRenderer:
    """Renderer of clips, with a cache on disk.

    Args:
        kept: folder; a file's name is the hash of everything that decides its sound.
    """

    def __init__(self, study: StudyFile, recordings: list[Recording], kept: Path, device: str = "auto") -> None:
        self._study, self._recordings, self._kept, self._device = study, recordings, kept, device
        self._systems = {system.name: system for system in study.systems}
        self._engine = lru_cache(maxsize=1)(self._load)  # systems come one after the other
        self._fingerprint = lru_cache(maxsize=None)(self._find_fingerprint)
        self.rendered = 0  # not found in the folder

    def all(self) -> Iterator[RenderedClip | None]:
        """Yield every clip, system by system; None where a partial folder has no file."""
        for system in self._study.systems:
            for index, recording in enumerate(self._recordings):
                yield None if self._is_left_out(system, recording) else self.one(system, index)

    def make_takes(self, workers: int, progress: CallProgress = CallProgress()) -> None:
        """Make all continuations that are not in the cache, in several processes.

        Args:
            workers: how many; one makes none: they are then made where they are asked for.
            progress: asked whether to go on, after every take.
        Raises:
            DesignError: one cannot be made; the text names the system and the prompt. Those that are made are kept.
        """
        if workers < 2:
            return
        jobs = [
            self._job(system, system.source, index)
            for system in self._study.systems
            if isinstance(system.source, BundleSource)
            for index in range(len(self._recordings))
        ]
        missing = [job for job in jobs if not job.notes.is_file()]
        for _ in map_in_workers(build_take_worker, (self._device,), missing, workers):
            self.rendered += 1
            progress.check()

    def one(self, system: SystemDesign, index: int) -> RenderedClip:
        """Render one prompt as one system says it.

        Raises:
            DesignError: it cannot be made; the text names the system and the prompt.
        """
        recording = self._recordings[index]
        try:
            waveform, provenance = self._sound(system, index)
        except UndertoneError as error:
            raise _unmade(system.name, recording, error) from error
        whole = {"system": system.name, "prompt": recording.name, "source": system.source.kind, **provenance}
        return RenderedClip(system.name, recording.name, self._cut(waveform), whole)

    def _is_left_out(self, system: SystemDesign, recording: Recording) -> bool:
        source = system.source
        if not isinstance(source, FolderSource) or not source.partial:
            return False
        return not _files_of(self._study.resolved(source.folder), recording)

    def _sound(self, system: SystemDesign, index: int) -> tuple[Tensor, dict[str, Any]]:
        source, recording = system.source, self._recordings[index]
        if isinstance(source, BundleSource):
            return self._continued(self._job(system, source, index))
        if isinstance(source, FolderSource):
            path = _file_of(self._study.resolved(source.folder), recording)
            return read_sound(path), {"file": path.name, "sha256": _hash(path.read_bytes())}
        if isinstance(source, DegradedSource):
            origin = self.one(self._systems[source.of], index)
            seed = self._study.seed + index
            provenance = {"of": origin.provenance, **source.model_dump(mode="json"), "seed": seed}
            return degrade(origin.waveform, source, seed), provenance
        start = 0.0 if self._study.preparation.heard == "whole" else recording.prompt_seconds
        return recording.cut(start, self._seconds), {
            "file": recording.path.name,
            "sha256": _hash(recording.path.read_bytes()),
            "start_seconds": recording.start_seconds + start,
        }

    def _job(self, system: SystemDesign, source: BundleSource, index: int) -> TakeJob:
        """Return what makes a continuation; its stem is the hash of everything that decides its sound."""
        recording, prompts = self._recordings[index], self._study.prompts
        sampling = sampling_of(source.sampling)
        seed = (self._study.seed if source.seed is None else source.seed) + index
        wanted = {
            "bundle": self._fingerprint(source.bundle),
            "sampling": sampling.model_dump(mode="json"),
            "seed": seed,
            "prompt": _hash(recording.cut(0.0, prompts.prompt_seconds).numpy().tobytes()),
            "seconds": prompts.continuation_seconds,
            "heard": self._study.preparation.heard,
        }
        return TakeJob(
            bundle=self._place(source.bundle),
            system=system.name,
            recording=recording,
            prompt_seconds=prompts.prompt_seconds,
            seconds=prompts.continuation_seconds,
            sampling=sampling,
            seed=seed,
            is_whole=self._study.preparation.heard == "whole",
            stem=self._kept / _hash(json.dumps(wanted, sort_keys=True).encode())[:32],
        )

    def _continued(self, job: TakeJob) -> tuple[Tensor, dict[str, Any]]:
        """Return a continuation by a bundle, generated now or read from the cache."""
        if not job.notes.is_file():
            job.run(self._engine(job.bundle))
            self.rendered += 1
        notes = json.loads(job.notes.read_text(encoding="utf-8"))
        return read_sound(job.stem.with_suffix(".wav")), {"take": notes}

    @property
    def _seconds(self) -> float:
        prompts = self._study.prompts
        whole = self._study.preparation.heard == "whole"
        return prompts.continuation_seconds + (prompts.prompt_seconds if whole else 0.0)

    def _cut(self, waveform: Tensor) -> Tensor:
        return waveform[: round(self._seconds * SAMPLE_RATE_HZ)]

    def _place(self, bundle: str) -> str:
        """Resolve a folder beside the study file, where there is one; else as it is written."""
        beside = self._study.resolved(Path(bundle))
        return str(beside) if beside.is_dir() else bundle

    def _load(self, place: str) -> Engine:
        return Engine.from_pretrained(place, device=self._device)

    def _find_fingerprint(self, bundle: str) -> str:
        place = self._place(bundle)
        return fingerprint(Path(place)) if Path(place).is_dir() else self._engine(place).bundle.fingerprint


def _unmade(system: str, recording: Recording, error: UndertoneError) -> DesignError:
    return DesignError(f"system {system!r}, prompt {recording.name!r}: {error}")


def sampling_of(given: Sampling | str) -> Sampling:
    """Return the sampling settings of a preset's name; settings are returned as they are."""
    if isinstance(given, Sampling):
        return given
    return PUBLISHED if given == "published" else PRESETS[given]


def degrade(waveform: Tensor, source: DegradedSource, seed: int) -> Tensor:
    """Return the waveform low-passed and with white noise: clearly worse, and the same every time."""
    samples = waveform.double().numpy()
    if source.lowpass_hz < SAMPLE_RATE_HZ / 2:
        samples = sosfiltfilt(butter(8, source.lowpass_hz, fs=SAMPLE_RATE_HZ, output="sos"), samples)
    if source.noise_snr_db is not None:
        noise = np.random.default_rng(seed).standard_normal(len(samples))
        samples = samples + noise * np.sqrt(np.mean(samples**2)) * 10 ** (-source.noise_snr_db / 20)
    return torch.from_numpy(samples.copy()).float()


def _file_of(folder: Path, recording: Recording) -> Path:
    found = _files_of(folder, recording)
    if len(found) != 1:
        what = "no sound file" if not found else f"{len(found)} sound files"
        raise DesignError(f"{folder} has {what} of the prompt's name, such as {recording.name}{SUFFIXES[0]}.")
    return found[0]


def _files_of(folder: Path, recording: Recording) -> list[Path]:
    return [path for path in sound_files(folder) if slug(path.stem) == recording.name]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
