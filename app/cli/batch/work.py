"""Takes of one prompt: read, continued, measured and written. Runs in this process or in a worker."""

import errno
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from undertone.app.cli.batch.prompts import Prompt
from undertone.app.cli.batch.results import Line
from undertone.app.cli.batch.suspicions import find_suspicions, measure_take
from undertone.engine import AudioError, Engine, SettingsError, Take, UndertoneError, limit_threads, read_audio
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.generation.take_settings import SoundFormat, WrittenRate
from undertone.engine.generation.written_sound import settings_as_written, write_take

log = logging.getLogger(__name__)
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # with these no further take can be written either


@dataclass(frozen=True)
class Job:
    """A prompt and the names of its takes, without ending, below the folder they are written to."""

    prompt: Prompt
    stems: tuple[str, ...]


@dataclass(frozen=True)
class Output:
    """Where and how takes are written."""

    folder: Path
    sound_format: SoundFormat = "wav"
    sample_rate_hz: WrittenRate = 16_000


def read_prompt(prompt: Prompt) -> tuple[Tensor, int, float]:
    """Return the recording [samples], its rate and where the prompt ends in it, in seconds.

    Raises:
        AudioError: it cannot be read.
    """
    try:
        waveform, rate = read_audio(prompt.path)
    except MemoryError as error:
        raise AudioError("there is too little memory to read it. Cut it shorter.") from error
    return waveform, rate, min(prompt.settings.prompt_start + prompt.settings.prompt_seconds, len(waveform) / rate)


def build_worker(bundle: str, output: Output) -> Callable[[Job], list[Line]]:
    """Load a bundle and return what makes the takes of a job with it; returns a line of results for each."""
    engine = Engine.from_pretrained(bundle)
    limit_threads(engine)
    return lambda job: _lines_of(engine, job, output)


def failed_line(listed: str, error: str, prompt: Prompt | None = None) -> Line:
    """Return the line of a prompt of which nothing was made."""
    return {
        "status": "failed",
        "prompt": listed,
        "error": error,
        "sound": None,
        "asked": _asked(prompt) if prompt else None,
        "columns": prompt.columns if prompt else {},
    }


def _asked(prompt: Prompt) -> dict[str, Any]:
    return prompt.settings.model_dump() | {"seed": prompt.seed}


def _lines_of(engine: Engine, job: Job, output: Output) -> list[Line]:
    """Return the lines of a job; what goes wrong with one prompt is a line and ends nothing."""
    try:
        return _make(engine, job, output)
    except UndertoneError as error:
        reason = str(error)
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise SettingsError(f"{output.folder} cannot be written to any more: {error.strerror}.") from error
        reason = f"cannot be written: {error}"
    except Exception as error:  # whatever it is, the other prompts are not to suffer from it
        log.exception("%s", job.prompt.listed)
        reason = f"{type(error).__name__}: {error}"
    return [failed_line(job.prompt.listed, reason, job.prompt)]


def _make(engine: Engine, job: Job, output: Output) -> list[Line]:
    settings = job.prompt.settings
    waveform, rate, end_seconds = read_prompt(job.prompt)
    speech = engine.analyse(waveform, rate, settings.prompt_start, end_seconds)
    takes = engine.takes(speech, settings.seconds, settings.sampling, job.prompt.seed, settings.takes)
    return [_write(take, stem, job.prompt, output) for take, stem in zip(takes, job.stems, strict=True)]


def _write(take: Take, stem: str, prompt: Prompt, output: Output) -> Line:
    if not torch.isfinite(take.audio).all():
        raise AudioError("the sound that was made has samples that are not numbers; nothing was written.")
    settings = settings_as_written(take, output.sound_format, output.sample_rate_hz)
    measures = measure_take(take)
    (output.folder / stem).parent.mkdir(parents=True, exist_ok=True)
    sound, text = write_take(take, settings, output.folder, stem)
    prompt_seconds = take.prompt_samples / SAMPLE_RATE_HZ
    seconds = take.audio.numel() / SAMPLE_RATE_HZ
    return {
        "status": "made",
        "prompt": prompt.listed,
        "error": None,
        "sound": sound.relative_to(output.folder).as_posix(),
        "settings_file": text.relative_to(output.folder).as_posix(),
        "seed": settings.seed + settings.index,
        "prompt_seconds": round(prompt_seconds, 3),
        "continuation_seconds": round(seconds - prompt_seconds, 3),
        "seconds": round(seconds, 3),
        "ended": take.ended,
        "suspicious": find_suspicions(measures),
        "measures": asdict(measures),
        "asked": _asked(prompt),
        "settings": settings.model_dump(mode="json"),
        "columns": prompt.columns,
    }
