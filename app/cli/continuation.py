"""`undertone continue`: reads a recording, writes wavs and settings JSON, and shows a progress bar."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from tqdm import tqdm

from undertone.engine import (
    AudioError,
    CallProgress,
    Engine,
    Sampling,
    SettingsError,
    Take,
    TakeSettings,
    limit_threads,
    read_audio,
    wav_bytes,
)
from undertone.engine.generation.take_settings import WrittenSound
from undertone.engine.generation.written_sound import settings_as_written, write_take


@dataclass(frozen=True)
class ContinuationOptions:
    """Recording to continue, and the settings."""

    prompt: Path
    prompt_start_seconds: float = 0.0
    prompt_seconds: float = 3.0
    seconds: float = 10.0
    num_takes: int = 1
    seed: int | None = None
    sampling: dict[str, Any] = field(default_factory=dict)  # only what differs from the defaults


def continue_recording(bundle: str, wanted: ContinuationOptions, out: Path) -> list[Path]:
    """Continue a recording and write `take-SEED.wav` and `.json` for every take.

    Raises:
        UndertoneError: the recording, the bundle or a setting cannot be used; the text says what to do.
    """
    waveform, sample_rate_hz = _read(wanted.prompt)
    sampling = Sampling.of(**wanted.sampling)
    engine = Engine.from_pretrained(bundle)
    limit_threads(engine)
    end_seconds = min(wanted.prompt_start_seconds + wanted.prompt_seconds, len(waveform) / sample_rate_hz)
    speech = engine.analyse(waveform, sample_rate_hz, wanted.prompt_start_seconds, end_seconds)
    with _bar() as bar:
        takes = engine.takes(
            speech, wanted.seconds, sampling, wanted.seed, wanted.num_takes, _progress(bar, engine.frame_rate_hz)
        )
    return [path for take in takes for path in _save(take, out)]


def replay_recording(bundle: str, prompt: Path, settings: Path, out: Path) -> list[Path]:
    """Make a saved take again from its settings and the recording it began with.

    Raises:
        SettingsError: another recording, bundle or version than the take was made with; it says which.
    """
    saved = TakeSettings.read(settings)
    waveform, sample_rate_hz = _read(prompt)
    torch.set_num_threads(saved.threads)  # sums are split by threads, so their number is part of the settings
    take = Engine.from_pretrained(bundle).replay(saved, waveform, sample_rate_hz)
    paths = _save(take, out) if saved.written is None else _save_as_written(take, saved, out, settings)
    is_same = saved.together or paths[1].read_bytes() == settings.read_bytes()  # together: this one was drawn alone
    if not is_same and paths[1].resolve() != settings.resolve():
        raise SettingsError(f"{settings} was changed by hand: the take made from it has other settings, {paths[1]}.")
    return paths


def _save_as_written(take: Take, saved: TakeSettings, out: Path, settings: Path) -> list[Path]:
    """Write a replayed take in the format of its settings, as `take-SEED` or the next free name.

    The 16 kHz samples before encoding are compared, not the file: an encoder of another version writes other bytes.
    """
    written = cast(WrittenSound, saved.written)
    again = settings_as_written(take, written.format, written.sample_rate_hz)
    if again.written != written and not saved.together:
        raise SettingsError(
            f"the samples made again are not those of {settings}: it was changed by hand, or made on another machine "
            "or with another number of threads."
        )
    taken = {path.stem for path in out.iterdir()} if out.is_dir() else set()
    free = (name for name in _names(take) if name not in taken or _has_settings(out / f"{name}.json", again))
    return list(write_take(take, again, out, next(free)))


def _has_settings(path: Path, settings: TakeSettings) -> bool:
    try:
        return TakeSettings.read(path) == settings
    except SettingsError:
        return False


def _read(path: Path) -> tuple[Tensor, int]:
    try:
        return read_audio(path)
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error


def _save(take: Take, out: Path) -> list[Path]:
    """Write a take as `take-SEED`, or `take-SEED-2` and so on where another take has that name."""
    return list(take.save(out, next(name for name in _names(take) if _is_free(out, name, take))))


def _names(take: Take) -> Iterator[str]:
    stem = f"take-{take.settings.seed + take.settings.index}"
    return chain([stem], (f"{stem}-{number}" for number in count(2)))


def _is_free(out: Path, name: str, take: Take) -> bool:
    """Return whether nothing has this name, or this very take made before."""
    wav, settings = out / f"{name}.wav", out / f"{name}.json"
    if not settings.exists():
        return not wav.exists()
    return _has_settings(settings, take.settings) and (not wav.exists() or wav.read_bytes() == wav_bytes(take.audio))


def _bar() -> tqdm:
    return tqdm(desc="continue", total=0, bar_format="{l_bar}{bar}| {n:.1f}/{total:.1f} s [{elapsed}<{remaining}]")


def _progress(bar: tqdm, frame_rate_hz: float) -> CallProgress:
    def report(done: int, total: int) -> None:
        bar.total = total / frame_rate_hz
        bar.update(done / frame_rate_hz - bar.n)

    return CallProgress(report=report)
