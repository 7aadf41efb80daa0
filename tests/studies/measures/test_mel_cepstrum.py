"""Mel-cepstra equal those of SPTK, minimise the criterion they are defined by, and their distance is what it says."""

import math

import numpy as np
import pytest

from tests.speechlike import voice
from undertone.studies.measures.mel_cepstrum import (
    ALPHA,
    FRAME_SAMPLES,
    PERIODOGRAM_FLOOR,
    SHIFT_SAMPLES,
    mel_cepstra,
    mel_cepstral_distances,
)

WAVEFORM = voice(0.3, 120, 3)
# pysptk 1.0.1: sptk.mcep(frame * sptk.hamming(1024), 23, 0.42, eps=1e-8, etype=1) of frames 4 and 9
SPTK = {
    4: """-4.58774325 3.1745166 0.21156372 -1.27830038 -0.99976955 -0.29481131 -0.01423254 -0.06566144 -0.28871395
        -0.25276592 -0.03275491 -0.10511553 -0.1569668 -0.1758992 -0.10589499 -0.11688333 -0.14328281 -0.17370615
        -0.09619668 -0.15256358 -0.16496203 -0.11117084 -0.14556872 -0.09428126""",
    9: """-3.75853144 3.10573012 0.49660686 -0.6799351 -0.8904567 -0.49546171 -0.11862705 -0.02415717 -0.14888539
        -0.25373722 -0.16396411 -0.08190956 -0.09743539 -0.14191015 -0.13900791 -0.12309001 -0.11365432 -0.1100569
        -0.12075038 -0.12709702 -0.12834019 -0.10870211 -0.10834206 -0.087819""",
}


@pytest.mark.parametrize("frame", SPTK)
def test_cepstra_are_those_of_sptk(frame: int) -> None:
    np.testing.assert_allclose(mel_cepstra(WAVEFORM)[frame], np.array(SPTK[frame].split(), float), atol=2e-4)


def criterion(frame: np.ndarray, cepstrum: np.ndarray) -> float:
    """Over the whole circle of frequencies, the warping by the phase of its all-pass filter."""
    window = np.hamming(FRAME_SAMPLES)
    spectrum = np.fft.fft(frame * window / np.linalg.norm(window))
    circle = np.exp(-2j * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES)
    warped = -np.angle((circle - ALPHA) / (1 - ALPHA * circle))
    envelope = np.cos(np.outer(warped, np.arange(len(cepstrum)))) @ cepstrum
    periodogram = np.abs(spectrum) ** 2 + PERIODOGRAM_FLOOR
    return float(np.mean(periodogram * np.exp(-2 * envelope) + 2 * envelope))


def test_no_other_cepstra_are_as_likely() -> None:
    cepstrum = mel_cepstra(WAVEFORM)[4]
    frame = WAVEFORM[4 * SHIFT_SAMPLES :][:FRAME_SAMPLES].astype(float)
    random = np.random.default_rng(0)
    least = criterion(frame, cepstrum)
    assert all(criterion(frame, cepstrum + 0.01 * random.standard_normal(24)) > least for _ in range(20))


def test_the_distance_of_a_louder_copy_is_that_of_its_gain() -> None:
    found = mel_cepstral_distances(mel_cepstra(WAVEFORM), mel_cepstra(2 * WAVEFORM))
    assert len(found) == (len(WAVEFORM) - FRAME_SAMPLES) // SHIFT_SAMPLES + 1
    assert found == pytest.approx(10 / math.log(10) * math.sqrt(2) * math.log(2), abs=0.05)
    assert mel_cepstral_distances(mel_cepstra(WAVEFORM), mel_cepstra(WAVEFORM[:2000])) == pytest.approx(0, abs=1e-9)


def test_silence_has_a_floor_and_what_is_shorter_than_a_frame_nothing() -> None:
    silence = mel_cepstra(np.zeros(2000, np.float32))
    assert silence[:, 0] == pytest.approx(math.log(PERIODOGRAM_FLOOR) / 2)
    assert silence[:, 1:] == pytest.approx(0, abs=1e-9)
    assert mel_cepstra(np.zeros(1000, np.float32)).shape == (0, 24)
