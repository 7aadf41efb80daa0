"""Keeps the mono samples of a file while it is decoded, within bounded memory."""

from collections.abc import Iterator

import av
import numpy as np
import torch
from torch import Tensor

# 40 MB. Three and a half minutes at 48 kHz are below it, so that nearly every recording is kept as it is and takes made
# from it can be made again bit for bit. What needs more is kept at a lower rate than its own, if its own is higher.
MOST_SAMPLES = 10_000_000
REDUCED_RATE_HZ = 48_000  # three times what the models hear
_PIECE = 65_536  # samples converted at a time


class MonoBuffer:
    """Mono samples that arrive in blocks; a long file of a very high rate is reduced while it arrives.

    Args:
        rate_hz: of the blocks.
        most_samples: kept at the file's own rate; beyond them a rate above 48 kHz becomes 48 kHz.
    """

    def __init__(self, rate_hz: int, most_samples: int = MOST_SAMPLES) -> None:
        self._rate_hz = rate_hz
        self._most_samples = most_samples
        self._kept = bytearray()  # grows in place: joining blocks at the end would hold every sample twice
        self._reducer: _Reducer | None = None

    @property
    def rate_hz(self) -> int:
        """Return the rate of what is kept."""
        return self._rate_hz if self._reducer is None else REDUCED_RATE_HZ

    def add(self, block: np.ndarray) -> None:
        """Append float32 [samples] at the file's rate."""
        block = np.ascontiguousarray(block, dtype=np.float32)
        if self._reducer is not None:
            self._append(self._reducer.push(block))
            return
        self._kept += block.tobytes()
        if len(self._kept) > 4 * self._most_samples and self._rate_hz > REDUCED_RATE_HZ:
            self._start_reducing()

    def waveform(self) -> Tensor:
        """Return float32 [samples] at `rate_hz`; nothing can be added afterwards."""
        if self._reducer is not None:
            self._append(self._reducer.flush())
        return torch.frombuffer(self._kept, dtype=torch.float32) if self._kept else torch.empty(0)

    def _start_reducing(self) -> None:
        whole = np.frombuffer(bytes(self._kept), dtype=np.float32)
        self._kept, self._reducer = bytearray(), _Reducer(self._rate_hz)
        for start in range(0, len(whole), _PIECE):
            self._append(self._reducer.push(whole[start : start + _PIECE]))

    def _append(self, blocks: Iterator[np.ndarray]) -> None:
        for block in blocks:
            self._kept += block.tobytes()


class _Reducer:
    """Band-limited resampling to 48 kHz that carries its state from block to block."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=REDUCED_RATE_HZ)

    def push(self, block: np.ndarray) -> Iterator[np.ndarray]:
        """Yield float32 [samples] at 48 kHz that are ready after this block."""
        frame = av.AudioFrame.from_ndarray(block[None], format="flt", layout="mono")
        frame.rate = self._rate_hz
        for reduced in self._resampler.resample(frame):
            yield reduced.to_ndarray()[0]

    def flush(self) -> Iterator[np.ndarray]:
        """Yield what the filter still holds."""
        for reduced in self._resampler.resample(None):
            yield reduced.to_ndarray()[0]
