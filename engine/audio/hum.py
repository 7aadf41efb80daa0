"""The hum of the mains, taken away from under a voice when a person asks for it.

It changes what the model hears, so it stays where nobody asks. So does noise: the README says what was measured.
"""

import numpy as np
import torch
from torch import Tensor

from undertone.engine.config import SAMPLE_RATE_HZ

HIGHEST_HARMONIC_HZ = 1_000.0
LEAST_HARMONIC_POWER = 10**1.5  # above the spectrum beside it; weaker ones stay, as a notch takes from the voice too
NOTCH_HZ = 3.0  # width at the frequency of the mains; it grows with the harmonics, as their deviation does
NOTCH_HZ_PER_HARMONIC = 0.5
PADDING = SAMPLE_RATE_HZ // 2  # samples before and after, in which the filters settle


def remove_hum(samples: Tensor, mains_hz: float) -> Tensor:
    """Return [samples] at 16 kHz without the harmonics of the mains that stand out of the voice.

    Args:
        mains_hz: 50 or 60.
    """
    from scipy.signal import filtfilt, iirnotch  # half a second to load, and seldom wanted

    values = samples.double().numpy()
    for number in hum_harmonics(samples, mains_hz):
        hz, width = number * mains_hz, NOTCH_HZ + NOTCH_HZ_PER_HARMONIC * (number - 1)
        numerator, denominator = iirnotch(hz, hz / width, SAMPLE_RATE_HZ)
        values = filtfilt(numerator, denominator, values, padlen=min(PADDING, len(values) - 1))
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def hum_harmonics(samples: Tensor, mains_hz: float) -> list[int]:
    """Return the numbers, counted from 1, of the harmonics that are steady tones in [samples] at 16 kHz."""
    window = torch.hann_window(len(samples), periodic=False, dtype=torch.float64)
    power = torch.fft.rfft(samples.double() * window).abs().square()
    hz = torch.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ, dtype=torch.float64)
    width = max(1.2, 2.5 * SAMPLE_RATE_HZ / len(samples))  # the window's main lobe
    found = []
    for number in range(1, int(HIGHEST_HARMONIC_HZ / mains_hz) + 1):
        away = (hz - number * mains_hz).abs()
        beside = power[(away > 2 * width) & (away < 7 * width)].median()
        if power[away < width].max() > LEAST_HARMONIC_POWER * beside:
            found.append(number)
    return found
