"""A visitor's recording, decoded once."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from torch import Tensor

from undertone.engine import AudioError, AudioLimits
from undertone.engine.audio.reading import read_and_repair

DECODERS = threading.BoundedSemaphore(2)  # files being decoded at once: each takes up to 100 MB while it is
DECODER_SECONDS = 30.0
UPLOAD_LIMITS = AudioLimits(max_file_seconds=180.0)  # a visitor's clip stays in memory while the page is open


@dataclass(frozen=True)
class PromptClip:
    """The visitor's recording as it was read, before any cut."""

    waveform: Tensor  # [samples] mono
    sample_rate_hz: int
    repairs: tuple[str, ...] = ()  # of what was wrong with the file, in words

    @classmethod
    def read(cls, path: str) -> "PromptClip":
        """Read a file that the visitor recorded or uploaded. Raises AudioError, which never names the path."""
        with _open(path) as file:
            return cls.decode(file)

    @classmethod
    def decode(cls, file: BinaryIO) -> "PromptClip":
        """Read an open file that came from outside. Raises AudioError."""
        if not DECODERS.acquire(timeout=DECODER_SECONDS):
            raise AudioError("too many clips are being read just now. Choose it again in a minute.")
        try:
            return cls(*read_and_repair(file, UPLOAD_LIMITS))
        finally:
            DECODERS.release()

    @property
    def seconds(self) -> float:
        return len(self.waveform) / self.sample_rate_hz


@dataclass(frozen=True)
class RepairedClip:
    """A part of a visitor's clip out of which something was taken away; it stands in the clip's place.

    Attributes:
        path: of its sound.
        original: path of the clip as the visitor gave it.
        cut: start and length in seconds of the part in that clip.
        repairs: what was taken away, in words.
    """

    path: str
    original: str
    cut: tuple[float, float]
    repairs: tuple[str, ...]


def _open(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except (OSError, ValueError):  # ValueError: a null byte in the name
        raise AudioError("the clip is not here any more. Choose it again.") from None
