"""Encode sound files without any tag: FLAC or WAV, 16 bit, FLAC files padded to one size."""

import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
import soundfile

from undertone.studies.build.levels import Samples
from undertone.studies.design.errors import DesignError

FULL_SCALE = 32_768
STREAM_INFO = 0  # the one block of a FLAC file that decoding needs
PADDING = 1
BLOCK_HEAD_BYTES = 4
LARGEST_BLOCK_BYTES = 2**24 - 1


def encode_sound(samples: Samples, sample_rate_hz: int, kind: Literal["flac", "wav"]) -> bytes:
    """Return a lossless file of the samples rounded to 16 bit.

    Raises:
        DesignError: a sample is beyond full scale or not a number.
    """
    whole = np.round(samples * FULL_SCALE)
    if not np.isfinite(whole).all() or whole.min() < -FULL_SCALE or whole.max() >= FULL_SCALE:
        raise DesignError("samples beyond full scale, or not finite; the file would be clipped.")
    buffer = io.BytesIO()
    soundfile.write(buffer, whole.astype(np.int16), sample_rate_hz, format=kind.upper(), subtype="PCM_16")
    return _strip_flac(buffer.getvalue()) if kind == "flac" else buffer.getvalue()


def pad_to_equal_size(files: Sequence[bytes]) -> list[bytes]:
    """Bring FLAC files to one size with empty blocks, as the size of a compressed file tells what it sounds like.

    Files of other kinds are returned as they are: the size of a WAV file tells its length only.
    """
    if not all(data.startswith(b"fLaC") for data in files):
        return list(files)
    size = max((len(data) for data in files), default=0) + BLOCK_HEAD_BYTES
    return [_pad(data, size - len(data)) for data in files]


def _pad(data: bytes, more: int) -> bytes:
    """Return the bare file with `more` bytes of padding, heads of the blocks included."""
    info_end = BLOCK_HEAD_BYTES + BLOCK_HEAD_BYTES + len(_flac_blocks(data)[0][0][1])
    head = data[:4] + bytes([STREAM_INFO]) + data[5:info_end]
    blocks = b""
    while more:
        content = min(more - BLOCK_HEAD_BYTES, LARGEST_BLOCK_BYTES)
        left = more - BLOCK_HEAD_BYTES - content
        if 0 < left < BLOCK_HEAD_BYTES:  # too little for the head of another block
            content -= BLOCK_HEAD_BYTES
            left += BLOCK_HEAD_BYTES
        last = 0x80 if not left else 0
        blocks += bytes([last | PADDING]) + content.to_bytes(3, "big") + bytes(content)
        more = left
    return head + blocks + data[info_end:]


def decode(data: bytes) -> tuple[Samples, int]:
    """Return the samples and the rate of a file."""
    samples, sample_rate_hz = soundfile.read(io.BytesIO(data), dtype="float64")
    return samples, sample_rate_hz


def metadata_blocks(data: bytes) -> list[str]:
    """Return the blocks of a FLAC or WAV file that decoding does not need; none in a file of a study."""
    if data.startswith(b"fLaC"):
        blocks = _flac_blocks(data)[0]
        empty = [kind == PADDING and not any(content) for kind, content in blocks]
        return [f"FLAC block {b[0]}" for b, is_empty in zip(blocks, empty, strict=True) if b[0] and not is_empty]
    found, position = [], 12
    while position + 8 <= len(data):
        name = data[position : position + 4]
        if name not in (b"fmt ", b"data"):
            found.append(f"WAV chunk {name!r}")
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8 + size + size % 2
    return found


def _strip_flac(data: bytes) -> bytes:
    """Return the file with its stream information only: the encoder's name and padding go."""
    blocks, sound = _flac_blocks(data)
    (info,) = (content for kind, content in blocks if kind == STREAM_INFO)
    last = bytes([0x80 | STREAM_INFO])
    return b"fLaC" + last + len(info).to_bytes(3, "big") + info + data[sound:]


def _flac_blocks(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Return (type, content) of every metadata block, and where the sound begins."""
    blocks, position, last = [], 4, False
    while not last:
        head, size = data[position], int.from_bytes(data[position + 1 : position + 4], "big")
        last = bool(head & 0x80)
        blocks.append((head & 0x7F, data[position + 4 : position + 4 + size]))
        position += 4 + size
    return blocks, position
