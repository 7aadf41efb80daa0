"""The wav files that are written here: 32-bit float, mono. Needs no torch."""

import struct

from undertone.engine.config import SAMPLE_RATE_HZ

SAMPLE_BYTES = 4


def float_wav(samples: bytes, sample_rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Return a 32-bit float wav file of little-endian float32 samples.

    Written here because libsndfile puts the time of writing into a float wav: the same samples, other bytes.
    """
    fields = (3, 1, sample_rate_hz, sample_rate_hz * SAMPLE_BYTES, SAMPLE_BYTES, 32, 0)  # 3: IEEE float; 1 channel
    form = b"fmt " + struct.pack("<IHHIIHHH", 18, *fields)
    fact = b"fact" + struct.pack("<II", 4, len(samples) // SAMPLE_BYTES)
    body = b"WAVE" + form + fact + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body
