"""One loudness for training and prompts, and silence cut from the ends of a recording."""

import math

import torch
import torchaudio
from torch import Tensor

from undertone.engine.errors import AudioError

LOUDNESS_LUFS = -23.0  # EBU R128's programme loudness: what our own recipes train at
PEAK = 0.99
TRIM_DB = -45.0  # frames this far below the loudest frame count as silence at the ends
KEPT_SILENCE_SECONDS = 0.2
FRAME_SECONDS = 0.02
BLOCK_SECONDS = 0.4  # BS.1770 measures in blocks of this length


def integrated_loudness(waveform: Tensor, sample_rate_hz: int) -> float | None:
    """Return the loudness of [samples] in LUFS (ITU-R BS.1770, pauses left out).

    None where it cannot be measured: less than 0.4 s, or too soft.
    """
    if len(waveform) < BLOCK_SECONDS * sample_rate_hz:
        return None
    measured = torchaudio.functional.loudness(waveform[None], sample_rate_hz).item()
    return measured if math.isfinite(measured) else None


def to_loudness(waveform: Tensor, sample_rate_hz: int, loudness_lufs: float = LOUDNESS_LUFS) -> Tensor:
    """Scale samples to an integrated loudness (ITU-R BS.1770), or less where the peak would pass 0.99.

    Args:
        waveform: float32 [samples], at least 0.4 s.
    Raises:
        AudioError: too short to measure, or silent.
    """
    if len(waveform) < BLOCK_SECONDS * sample_rate_hz:
        raise AudioError(
            f"loudness needs at least {BLOCK_SECONDS} s of sound, got {len(waveform) / sample_rate_hz:.2f} s"
        )
    measured = integrated_loudness(waveform, sample_rate_hz)
    if measured is None:
        raise AudioError("the recording is silent")
    gain = 10 ** ((loudness_lufs - measured) / 20)
    return waveform * min(gain, PEAK / max(waveform.abs().max().item(), 1e-9))


def trim_silence(waveform: Tensor, sample_rate_hz: int) -> Tensor:
    """Cut what lies before the first and after the last frame within TRIM_DB of the loudest, but for a short rest."""
    frame = int(FRAME_SECONDS * sample_rate_hz)
    frames = waveform[: len(waveform) // frame * frame].reshape(-1, frame)
    if not len(frames):
        return waveform
    level_db = 10 * torch.log10(frames.square().mean(1) + 1e-12)
    loud = torch.nonzero(level_db > level_db.max() + TRIM_DB)[:, 0]
    rest = int(KEPT_SILENCE_SECONDS * sample_rate_hz)
    start = max(0, int(loud[0]) * frame - rest)
    return waveform[start : int(loud[-1] + 1) * frame + rest]
