"""The sound of a player: a 16-bit wav file, which every browser plays."""

from pathlib import Path

import soundfile
from torch import Tensor

from undertone.engine.config import SAMPLE_RATE_HZ


def write_playback(path: Path, audio: Tensor) -> None:
    """Write [samples] at the model's rate, rounded to 16 bits."""
    soundfile.write(path, audio.numpy(), SAMPLE_RATE_HZ, subtype="PCM_16")
