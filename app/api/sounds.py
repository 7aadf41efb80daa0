"""Sounds as the API writes them: whole files, and streams of samples."""

import struct
from collections.abc import Generator, Iterator
from typing import Literal

from torch import Tensor

from undertone.engine import wav_bytes
from undertone.engine.audio.wav import float_wav
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.generation.written_sound import sound_file_bytes

SoundName = Literal["wav", "pcm", "flac", "mp3", "ogg"]
MEDIA_TYPES: dict[str, str] = {
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
}
STREAMED: tuple[SoundName, ...] = ("wav", "pcm")
_UNKNOWN_LENGTH = 0xFFFFFFFF
_HEADER = float_wav(b"")


def whole_sound(audio: Tensor, name: SoundName) -> bytes:
    """Return [samples] as a file; a wav has the very bytes that `undertone continue` writes, pcm is 16 bit."""
    if name == "wav":
        return wav_bytes(audio)
    return pcm_bytes(audio) if name == "pcm" else sound_file_bytes(audio, name, SAMPLE_RATE_HZ)


def stream_head(name: SoundName) -> bytes:
    """Return what comes before the samples of a stream: a wav's header says that its length is not known."""
    if name != "wav":
        return b""
    unknown = struct.pack("<I", _UNKNOWN_LENGTH)
    return _HEADER[:4] + unknown + _HEADER[8:-4] + unknown


def stream_part(audio: Tensor, name: SoundName) -> bytes:
    """Return samples of a stream: float32 for wav, 16 bit for pcm, little-endian."""
    return audio.numpy().astype("<f4").tobytes() if name == "wav" else pcm_bytes(audio)


def pcm_bytes(audio: Tensor) -> bytes:
    """Return [samples] as 16-bit little-endian samples at 16 kHz."""
    return (audio.clamp(-1.0, 1.0) * 32767).round().short().numpy().astype("<i2").tobytes()


def stream_parts(head: bytes, parts: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Yield the head together with the first part, then the other parts."""
    for part in parts:
        if part:
            yield head + part
            head = b""
