"""What a waveform measures: energy and a summary of its level; pitch comes from `engine/audio/pitch.py`.

T frames at 50 Hz. Frame t is centred on sample t * 320, as the mel spectrogram's frames are.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from undertone.engine.audio.pitch import Pitch, num_frames, pitch
from undertone.engine.config import FRAME_RATE_HZ, HOP_SAMPLES, SAMPLE_RATE_HZ

__all__ = ["LevelSummary", "Pitch", "energy_db", "level", "num_frames", "pitch"]

FLOOR_DB = -100.0
CLIPPED_AMPLITUDE = 0.999  # full scale of a 16-bit file, less one part in a thousand
SILENT_FRAME_DB = -60.0  # a frame below this is silent ...
SILENT_BELOW_LOUDEST_DB = 35.0  # ... and so is one this far below the loudest


@dataclass(frozen=True)
class LevelSummary:
    """How loud a recording is, and how much of it is clipped or silent."""

    seconds: float
    peak_db: float  # of full scale
    rms_db: float  # over the frames that are not silent
    clipped_fraction: float  # of samples
    silent_fraction: float  # of frames


def energy_db(waveform: Tensor) -> Tensor:
    """Return the RMS level [T] of the two hops around each frame's centre, in dB of full scale, at least -100."""
    frames = num_frames(len(waveform))
    padded = F.pad(waveform.float(), (HOP_SAMPLES, frames * HOP_SAMPLES - len(waveform)))
    if frames == 0:
        return torch.zeros(0)
    power = padded.square().unfold(0, 2 * HOP_SAMPLES, HOP_SAMPLES).mean(dim=-1)
    return (10 * power.clamp_min(1e-20).log10()).clamp_min(FLOOR_DB)


def level(waveform: Tensor, sample_rate_hz: int = SAMPLE_RATE_HZ) -> LevelSummary:
    """Return peak, loudness, clipping and silence of a recording at any rate."""
    amplitude = waveform.abs()
    if len(amplitude) == 0:
        return LevelSummary(0.0, FLOOR_DB, FLOOR_DB, 0.0, 1.0)
    window = max(1, int(sample_rate_hz // FRAME_RATE_HZ))
    power = F.pad(amplitude.square(), (0, -len(amplitude) % window)).unfold(0, window, window).mean(dim=-1)
    frames_db = 10 * power.clamp_min(1e-20).log10()
    heard = frames_db > max(SILENT_FRAME_DB, frames_db.max().item() - SILENT_BELOW_LOUDEST_DB)
    loud = power[heard].mean().item() if heard.any() else power.mean().item()
    return LevelSummary(
        seconds=len(amplitude) / sample_rate_hz,
        peak_db=_db(amplitude.max().item() ** 2),
        rms_db=_db(loud),
        clipped_fraction=(amplitude >= CLIPPED_AMPLITUDE).float().mean().item(),
        silent_fraction=1 - heard.float().mean().item(),
    )


def _db(power: float) -> float:
    return max(FLOOR_DB, 10 * math.log10(max(power, 1e-20)))
