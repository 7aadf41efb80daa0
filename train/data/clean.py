"""Cleaning of a recording for training: 16 kHz, mono, trimmed, at one loudness, in pieces, with its mel."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio
from lhotse.audio import AudioLoadingError
from lhotse.cut import Cut
from torch import Tensor

from undertone.engine import AudioError
from undertone.engine.audio.loudness import LOUDNESS_LUFS, to_loudness, trim_silence
from undertone.engine.audio.mel import LogMel
from undertone.engine.config import Config, MelConfig
from undertone.train.corpora.cuts import samples_of, speaker_of, split_of, text_of
from undertone.train.corpora.source import CorpusError

SETTINGS = "settings.json"
MIN_SECONDS = 1.0
QUIET_FRAME_SECONDS = 0.1  # pieces are cut in the middle of the quietest interval of this length
UNREADABLE = (soundfile.LibsndfileError, AudioLoadingError, AudioError, OSError, RuntimeError, ValueError)


class CleanSettings(Config):
    """Settings of cleaning; the paper's own runs change neither level nor ends."""

    mel: MelConfig = MelConfig()
    trim: bool = True
    loudness_lufs: float | None = LOUDNESS_LUFS
    max_seconds: float = 59.0  # longer recordings are cut at pauses; HuBERT units are made of clips under 60 s


def save_clean_settings(out: Path, settings: CleanSettings) -> None:
    """Write the settings into a prepared folder, or compare them with those that it was started with."""
    path = out / SETTINGS
    if path.is_file() and CleanSettings.model_validate_json(path.read_text()) != settings:
        raise CorpusError(f"{out} was begun with other settings, see {path}; prepare into another folder")
    path.write_text(settings.model_dump_json(indent=2) + "\n")


@dataclass(frozen=True)
class CleanClip:
    """One clip, ready to be stored."""

    clip_id: str
    speaker: str
    split: str
    transcript: str
    samples: np.ndarray  # int16
    mel: np.ndarray  # float16 [frames, M], natural log


def clean(
    waveform: Tensor,
    sample_rate_hz: int,
    mel: MelConfig,
    trim: bool = True,
    loudness_lufs: float | None = LOUDNESS_LUFS,
) -> Tensor:
    """Return a mono waveform at 16 kHz, trimmed at its ends, at one loudness.

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
    if not waveform.abs().max() > 0:
        raise AudioError("the recording is silent")
    if trim:
        waveform = trim_silence(waveform, mel.sample_rate_hz)
    seconds = len(waveform) / mel.sample_rate_hz
    if seconds < MIN_SECONDS:
        raise AudioError(f"is {seconds:.2f} s long after trimming silence; at least {MIN_SECONDS:.1f} s are needed")
    if loudness_lufs is not None:
        waveform = to_loudness(waveform, mel.sample_rate_hz, loudness_lufs)
    return waveform.clamp(-1.0, 1.0)


def cut_at_pauses(waveform: Tensor, sample_rate_hz: int, max_seconds: float) -> list[Tensor]:
    """Cut a waveform into pieces of at most `max_seconds`, each at the quietest place of the last third allowed."""
    longest = int(max_seconds * sample_rate_hz)
    frame = int(QUIET_FRAME_SECONDS * sample_rate_hz)
    done: list[Tensor] = []
    while len(waveform) > longest:
        search = waveform[longest * 2 // 3 : longest]
        energy = search[: len(search) // frame * frame].reshape(-1, frame).square().mean(1)
        cut = longest * 2 // 3 + int(energy.argmin()) * frame + frame // 2
        done.append(waveform[:cut])
        waveform = waveform[cut:]
    return [*done, waveform]


def clean_clips(cut: Cut, settings: CleanSettings) -> tuple[list[CleanClip], list[str]]:
    """Return the clips of one recording, and why parts of it, or all, are left out; pieces have no transcript."""
    try:
        waveform = torch.from_numpy(samples_of(cut))
    except UNREADABLE as error:
        return [], [_reason(error)]
    parts = cut_at_pauses(waveform, cut.sampling_rate, settings.max_seconds)
    clips, reasons = [], []
    for number, part in enumerate(parts):
        name, text = (cut.id, text_of(cut)) if len(parts) == 1 else (f"{cut.id}-{number:04d}", "")
        try:
            cleaned = clean(part, cut.sampling_rate, settings.mel, settings.trim, settings.loudness_lufs)
        except UNREADABLE as error:
            reasons.append(_reason(error))
            continue
        samples = (cleaned * 32767).round().to(torch.int16).numpy()
        log_mel = LogMel(settings.mel)(cleaned).to(torch.float16).numpy()
        clips.append(CleanClip(name, speaker_of(cut), split_of(cut), text, samples, log_mel))
    return clips, reasons


def _reason(error: Exception) -> str:
    """Return the first line of an error, or its kind."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
