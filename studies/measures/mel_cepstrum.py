"""Mel-cepstra by the unbiased estimator of log spectra (Fukada et al., ICASSP 1992), and the distance between them.

The recipe is that of the published code of VAE-GSLM, which takes SPTK's `mcep`: 24 coefficients, c0 among them, warped
by alpha 0.42; frames of 1024 samples every 256 under a Hamming window of unit power; 10 / ln 10 sqrt(2 sum d^2) dB,
the mean over frames, aligned frame by frame. Other recipes carry the same name: VERSA's `mcd` takes 40 coefficients of
WORLD's envelope, after time warping. Their numbers are not these.

N samples, F frames, K frequency bins, M + 1 coefficients.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ORDER = 23  # M, published
ALPHA = 0.42  # of the all-pass warping at 16 kHz, published
FRAME_SAMPLES, SHIFT_SAMPLES = 1024, 256
PERIODOGRAM_FLOOR = 1e-8
DECIBELS = 10 / np.log(10)
MAX_STEPS = 30
CONVERGED = 1e-6  # largest slope of the criterion
Array = NDArray[np.float64]


def mel_cepstra(waveform: NDArray[np.floating]) -> Array:
    """Return the mel-cepstra of a waveform, [F, M + 1]; no frames where it is shorter than one.

    Minimises, over c, the mean over frequencies of I exp(-2 H) + 2 H with the periodogram I and the log envelope
    H(w) = sum_m c_m cos(m w'), w' the warped frequency. It is convex; the steps are Newton's.

    Args:
        waveform: [N] at 16 kHz.
    """
    num_frames = max(0, (len(waveform) - FRAME_SAMPLES) // SHIFT_SAMPLES + 1)
    if not num_frames:
        return np.zeros((0, ORDER + 1))
    frames = np.lib.stride_tricks.sliding_window_view(waveform.astype(np.float64), FRAME_SAMPLES)[::SHIFT_SAMPLES]
    cosines, weights, products = _basis()
    periodogram = np.abs(np.fft.rfft(frames * _window(), axis=1)) ** 2 + PERIODOGRAM_FLOOR
    weighted = cosines * weights  # [M + 1, K]
    cepstra = np.asarray(np.linalg.solve(weighted @ cosines.T, weighted @ np.log(periodogram).T / 2).T, np.float64)
    mean = weighted.sum(1)
    for _ in range(MAX_STEPS):
        ratio = periodogram * np.exp(-2 * (cepstra @ cosines)) * weights  # [F, K], sums to 1 at the end
        slope = ratio @ cosines.T - mean
        if np.abs(slope).max() < CONVERGED:
            break
        curvature = (ratio @ products).reshape(num_frames, ORDER + 1, ORDER + 1)
        cepstra += np.linalg.solve(2 * curvature, slope[..., None])[..., 0]
    return cepstra


def mel_cepstral_distances(reference: Array, other: Array) -> Array:
    """Return the distance of every frame that both have, dB, [F]."""
    num_frames = min(len(reference), len(other))
    difference = reference[:num_frames] - other[:num_frames]
    return np.asarray(DECIBELS * np.sqrt(2 * (difference**2).sum(1)))


def _window() -> Array:
    window = np.hamming(FRAME_SAMPLES)
    return np.asarray(window / np.sqrt((window**2).sum()))


@lru_cache(maxsize=1)
def _basis() -> tuple[Array, Array, Array]:
    """Return cos(m w') [M + 1, K], the share of the circle of every bin [K], and all products of cosines [K, .]."""
    frequency = np.linspace(0, np.pi, FRAME_SAMPLES // 2 + 1)
    warped = frequency + 2 * np.arctan2(ALPHA * np.sin(frequency), 1 - ALPHA * np.cos(frequency))
    cosines = np.cos(np.arange(ORDER + 1)[:, None] * warped)
    weights = np.full(len(frequency), 2 / FRAME_SAMPLES)
    weights[[0, -1]] /= 2
    return cosines, weights, (cosines[:, None] * cosines[None]).reshape(-1, len(frequency)).T.copy()
