"""Repairs of recordings that a mixdown or a file's header would spoil: channels that cancel, another scale, an offset.

Each leaves an ordinary recording as it is, to the bit, so that saved takes can be made again.
"""

import numpy as np
import torch
from torch import Tensor

from undertone.engine.errors import AudioError

LEAST_MIX_POWER = 0.18  # of the loudest channel's, -7.5 dB; one silent channel of two leaves 0.25
OFFSET_RATIO = 0.02  # mean to standard deviation; 3 s of ordinary speech stay below 0.008
OVER_SCALE = 2.0  # no decoder overshoots so far: such samples are counted in another unit
OVER_SCALE_SHARE = 0.001  # of samples beyond full scale; fewer are clicks
DEAD_CHANNEL_POWER = 1e-4  # of the loudest channel's, -40 dB: nobody is heard in it
INTEGER_SCALES = (2.0**7, 2.0**15, 2.0**23, 2.0**31)


class ChannelPower:
    """Powers of the channels of a recording and of their mean, without offsets, added up block by block."""

    def __init__(self) -> None:
        self._sums: np.ndarray | None = None  # [channels + 1], the mean last
        self._squares: np.ndarray | None = None
        self._samples = 0

    def add(self, block: np.ndarray, mixed: np.ndarray) -> None:
        """Add a block [channels, samples] and its mean [samples]."""
        with np.errstate(invalid="ignore", over="ignore"):  # huge or infinite samples are refused later, by name
            self._add(block, mixed)

    def _add(self, block: np.ndarray, mixed: np.ndarray) -> None:
        sums = np.append(block.sum(1, dtype=np.float64), mixed.sum(dtype=np.float64))
        squares = np.append(*(np.einsum("...i,...i->...", x, x, dtype=np.float64) for x in (block, mixed)))
        if self._sums is None or self._squares is None:
            self._sums, self._squares = sums, squares
        else:
            self._sums, self._squares = self._sums + sums, self._squares + squares
        self._samples += block.shape[1]

    def cancelling(self) -> int | None:
        """Return the loudest channel where the mean of all loses it (opposite phase, one of six), else None."""
        powers = self._powers()
        if len(powers) < 3:
            return None
        loudest = int(powers[:-1].argmax())
        lost = np.isfinite(powers).all() and powers[-1] < LEAST_MIX_POWER * powers[loudest]
        return loudest if lost else None

    def describe_loss(self) -> str:
        """Return why the mean loses the loudest channel, in words."""
        powers = self._powers()[:-1]
        live = int((powers > DEAD_CHANNEL_POWER * powers.max()).sum())
        if live == 1:
            return f"one live channel of {len(powers)}, which alone is used"
        return "channels of opposite phase, of which the loudest alone is used"

    def _powers(self) -> np.ndarray:
        """Return the power of each channel and of the mean, [channels + 1]; empty before any block."""
        if self._sums is None or self._squares is None:
            return np.zeros(0)
        return np.asarray(self._squares / self._samples - (self._sums / self._samples) ** 2)


def mix_down(samples: Tensor) -> Tensor:
    """Return the mean [samples] of float32 [samples, channels], or the loudest channel where the mean loses it."""
    mixed = samples.mean(1)
    power = ChannelPower()
    power.add(samples.T.numpy(), mixed.numpy())
    channel = power.cancelling()
    return mixed if channel is None else samples[:, channel].clone()


def to_full_scale(waveform: Tensor) -> Tensor:
    """Return samples within [-1, 1] for those that are counted in integers (+-32768) or stand far beyond full scale.

    Raises:
        AudioError: samples that are not finite, or larger than those of any integer type.
    """
    peak = waveform.abs().max().item() if waveform.numel() else 0.0
    if not np.isfinite(peak):
        raise AudioError("the recording has samples that are not numbers (NaN or infinite). Export it again.")
    if peak < OVER_SCALE:
        return waveform
    if (waveform.abs() > 1.0).float().mean().item() < OVER_SCALE_SHARE:
        return waveform.clamp(-1.0, 1.0)
    if peak > INTEGER_SCALES[-1]:
        raise AudioError(
            f"the recording has samples as large as {peak:.1e}; expected -1 to 1, or the range of an integer type. "
            "Export it again, as 16-bit or 24-bit."
        )
    loud = peak < INTEGER_SCALES[0] / 4  # a float file with too much gain, which is not clipped
    return waveform / (peak if loud else next(scale for scale in INTEGER_SCALES if peak <= scale))


def remove_offset(waveform: Tensor) -> Tensor:
    """Return [samples] without the constant that a sound card added; unchanged where there is none to speak of."""
    if waveform.numel() < 2:
        return waveform
    spread, mean = torch.std_mean(waveform.double(), correction=0)
    if not mean.abs() > OFFSET_RATIO * spread:
        return waveform
    return (waveform - mean).to(waveform.dtype)
