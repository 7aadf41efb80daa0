"""What a source-filter vocoder shapes: pulses at the pitch of the voice, and noise.

B batch, T mel frames; frame i is centred on sample `i * hop_samples`.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

NOISE_SAMPLES = 65_536  # of the noise table, which then repeats: every 4.1 s at 16 kHz
NOISE_SEED = 0


def noise_table() -> Tensor:
    """Return N(0, 1) [NOISE_SAMPLES], the same on every machine: a take's sound follows from its frames alone."""
    return torch.randn(NOISE_SAMPLES, generator=torch.Generator().manual_seed(NOISE_SEED))


def noise(table: Tensor, first_sample: int | Tensor, num_samples: int) -> Tensor:
    """Return the noise [num_samples] from some sample on, the same at the same place in a block and in the whole."""
    position = first_sample + torch.arange(num_samples, device=table.device)
    return table[position % len(table)]


def anchors(level: Tensor, reach: int) -> Tensor:
    """Return the index of the last frame at or before each frame from which the pulses are counted.

    A frame is an anchor where the level is lowest within `reach` frames on each side, and so is the first one. Counted
    from the beginning of the take, the pulses of every frame would move with a change of any frame before it.

    Args:
        level: [B, T] how strong the voice is, on any scale.
    Returns:
        int64 [B, T].
    """
    return marks(level, reach).cummax(dim=1).values


def marks(level: Tensor, reach: int) -> Tensor:
    """Return the index of every frame where it is an anchor, see `anchors`, and 0 elsewhere, int64 [B, T]."""
    lowest = -F.max_pool1d(-level[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0]
    index = torch.arange(level.shape[1], device=level.device)
    return torch.where(level <= lowest, index, 0)


def cycles(hz: Tensor, start: Tensor, hop_samples: int, sample_rate_hz: int) -> Tensor:
    """Return the periods of the voice since the last anchor, at every sample; the pitch is linear between two frames.

    Args:
        hz: [B, T].
        start: int64 [B, T], as `anchors` gives it.
    Returns:
        float32 [B, T * hop_samples], the fraction of a period in [0, 1).
    """
    now = hz.double()
    following = torch.cat([now[:, 1:], now[:, -1:]], dim=1)
    passed = (now + following) / 2 * (hop_samples / sample_rate_hz)  # in the hop that follows a frame
    until = passed.cumsum(1) - passed
    at_frame = until - until.gather(1, start)
    offset = torch.arange(hop_samples, device=hz.device, dtype=torch.float64)
    within = now[..., None] * offset + (following - now)[..., None] * offset.square() / (2 * hop_samples)
    total = at_frame[..., None] + within / sample_rate_hz
    return (total % 1.0).flatten(1).float()


def pulses(periods: Tensor, hz: Tensor, sample_rate_hz: int) -> Tensor:
    """Return band-limited pulses: all harmonics below half the sample rate, root mean square about 1.

    The last harmonic fades in as the pitch falls, so that a rounding of the pitch never makes a harmonic more.

    Args:
        periods: [B, N] fraction of a period at every sample.
        hz: [B, N] pitch at every sample.
    """
    number = (sample_rate_hz / 2 / hz).clamp_min(2)
    whole = number.floor() - 1
    share = number - number.floor()
    half = torch.pi * (periods - periods.round())  # in [-pi / 2, pi / 2]: small where the pulse is
    near = half.abs() < 1e-4
    sine = torch.where(near, torch.ones_like(half), half.sin())
    kernel = torch.where(near, 2 * whole + 1, ((2 * whole + 1) * half).sin() / sine)
    total = (kernel - 1) / 2 + share * (2 * (whole + 1) * half).cos()  # of cosines
    return total * (2 / (whole + share)).sqrt()
