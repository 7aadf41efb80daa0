"""The prompts' recordings, read at 16 kHz, and where each prompt lies in its own."""

import logging
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from undertone.engine import AudioError, read_audio
from undertone.engine.audio.reading import SUFFIXES, resample
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.studies.design.errors import DesignError
from undertone.studies.design.slugs import slug
from undertone.studies.design.sources import Prompts
from undertone.studies.design.study_file import StudyFile

_TEXTS = (".txt", ".lab", ".md", ".csv", ".tsv", ".json", ".yaml", ".yml", ".textgrid")  # lie beside recordings
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Recording:
    """A prompt and what its speaker said after it."""

    name: str
    path: Path
    waveform: Tensor  # [samples] at 16 kHz, the whole file
    start_seconds: float
    prompt_seconds: float

    def cut(self, start_seconds: float, seconds: float) -> Tensor:
        """Return a part, counted from the prompt's beginning; shorter where the recording ends."""
        first = round((self.start_seconds + start_seconds) * SAMPLE_RATE_HZ)
        return self.waveform[first : first + round(seconds * SAMPLE_RATE_HZ)]


def read_recordings(study: StudyFile) -> list[Recording]:
    """Read every prompt of the study, in the order of its names.

    Raises:
        DesignError: a file is missing or cannot be read, or a recording is shorter than its prompt.
    """
    prompts = study.prompts
    if prompts.folder is None:
        chosen = [(item.name, study.resolved(item.audio), item.start_seconds) for item in prompts.items]
    else:
        chosen = [(slug(path.stem), path, 0.0) for path in _draw_prompts(study)]
    names = [name for name, _, _ in chosen]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DesignError(f"several prompts would be named {twice}; rename the files.")
    return [_read(name, path, start, prompts) for name, path, start in chosen]


def unused_recording(study: StudyFile) -> Path | None:
    """Return a recording of the folder that is no prompt: for the volume page."""
    if study.prompts.folder is None:
        return None
    drawn = set(_draw_prompts(study))
    return next((path for path in sound_files(study.resolved(study.prompts.folder)) if path not in drawn), None)


def sound_files(folder: Path) -> list[Path]:
    """Return the sound files of a folder, sorted by name.

    Raises:
        DesignError: there is no such folder, or no sound in it.
    """
    files = sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
    found = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not found:
        raise DesignError(f"{folder} has no sound files ({', '.join(SUFFIXES)}), or is no folder.")
    _warn_of_other_files(folder, tuple(path.name for path in files if path not in found))
    return found


@lru_cache(maxsize=256)  # once for a folder as it is
def _warn_of_other_files(folder: Path, names: tuple[str, ...]) -> None:
    unknown = [name for name in names if not name.startswith(".") and Path(name).suffix.lower() not in _TEXTS]
    if unknown:
        logger.warning(
            "%s: %d files are no sound files by their names and are left out: %s", folder, len(unknown), unknown[:5]
        )


def read_sound(path: Path) -> Tensor:
    """Read [samples] at 16 kHz. Raises DesignError naming the file."""
    try:
        waveform, sample_rate_hz = read_audio(path)
    except AudioError as error:
        raise DesignError(f"{path}: {error}") from error
    return resample(waveform, sample_rate_hz)


def _draw_prompts(study: StudyFile) -> list[Path]:
    assert study.prompts.folder is not None
    paths = sound_files(study.resolved(study.prompts.folder))
    count = study.prompts.count
    if count is None:
        return paths
    if count > len(paths):
        raise DesignError(f"the study wants {count} prompts; {study.prompts.folder} has {len(paths)} sound files.")
    return sorted(random.Random(study.seed).sample(paths, count))


def _read(name: str, path: Path, start_seconds: float, prompts: Prompts) -> Recording:
    recording = Recording(name, path, read_sound(path), start_seconds, prompts.prompt_seconds)
    have = len(recording.waveform) / SAMPLE_RATE_HZ - start_seconds
    if have < prompts.prompt_seconds:
        raise DesignError(f"{path} has {have:.2f} s; the prompt alone needs {prompts.prompt_seconds:g} s.")
    return recording
