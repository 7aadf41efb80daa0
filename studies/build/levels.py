"""One loudness for a whole study (ITU-R BS.1770) under one true-peak ceiling."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from undertone.studies.design.errors import DesignError

Samples = NDArray[np.float64]
OVERSAMPLING = 4  # BS.1770 annex 2
BLOCK_SECONDS = 0.4  # BS.1770 measures in blocks of this length


@dataclass(frozen=True)
class ClipLevel:
    """Integrated loudness and true peak of a clip."""

    loudness_lufs: float
    true_peak_dbtp: float


@dataclass(frozen=True)
class LoudnessTarget:
    """Loudness that every clip of a study is brought to."""

    loudness_lufs: float
    lowered_db: float  # below what the study file asks for, so that no clip passes the ceiling
    because_of: str | None  # the clip that decided


def measure_level(samples: Samples, sample_rate_hz: int) -> ClipLevel:
    """Measure integrated loudness and true peak; -inf for silence.

    Raises:
        DesignError: shorter than one measuring block.
    """
    import pyloudnorm  # here, as a server of studies that only plays sounds should not wait for it
    from scipy.signal import resample_poly

    if len(samples) < BLOCK_SECONDS * sample_rate_hz:
        raise DesignError(f"{len(samples) / sample_rate_hz:.2f} s is too short; loudness needs {BLOCK_SECONDS} s.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the logarithm of silence
        loudness = pyloudnorm.Meter(sample_rate_hz, block_size=BLOCK_SECONDS).integrated_loudness(samples)
        peak = np.abs(resample_poly(samples, OVERSAMPLING, 1)).max()
        return ClipLevel(float(loudness), float(20 * np.log10(max(peak, np.abs(samples).max()))))


def common_target(
    levels: Mapping[str, ClipLevel], loudness_lufs: float, ceiling_dbtp: float, on_peak: Literal["refuse", "lower_all"]
) -> LoudnessTarget:
    """Return the loudness at which no clip passes the ceiling: all are equally loud, none is limited or compressed.

    Args:
        levels: of every clip, by what it is.
    Raises:
        DesignError: a clip would pass the ceiling and the study asks to refuse that.
    """
    peaks = {name: level.true_peak_dbtp + loudness_lufs - level.loudness_lufs for name, level in levels.items()}
    worst = max(peaks, key=lambda name: peaks[name])
    excess = peaks[worst] - ceiling_dbtp
    if excess <= 0:
        return LoudnessTarget(loudness_lufs, 0.0, None)
    if on_peak == "refuse":
        raise DesignError(
            f"{worst} would reach {peaks[worst]:.1f} dBTP at {loudness_lufs:g} LUFS, beyond {ceiling_dbtp:g} dBTP. "
            f"Set preparation.loudness_lufs to {loudness_lufs - excess:.1f} or lower, or on_peak to lower_all."
        )
    return LoudnessTarget(loudness_lufs - excess, excess, worst)


def to_level(samples: Samples, measured: ClipLevel, loudness_lufs: float) -> Samples:
    """Scale a clip of a known level to a loudness."""
    return samples * 10 ** ((loudness_lufs - measured.loudness_lufs) / 20)
