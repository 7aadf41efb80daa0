"""Background noise of a recording: broadband noise and the hum of the mains, measured for a hint.

White noise at -60 dBFS or hum at -30 dBFS is enough to change what a small model makes of a voice.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undertone.engine.audio.reading import SAMPLE_RATE_HZ

FRAME = 320  # samples, 20 ms
QUIETEST_SHARE = 0.1  # of the frames: where nobody speaks
MAINS_HZ = (50.0, 60.0)
NOISE_BAND_HZ = (5_000.0, 7_500.0)  # speech has little there between its words
FLAT_NOISE = 0.8  # spectral flatness from 1 to 7 kHz in the quietest frames; of LibriSpeech's clips 1 in 20 passes it
LEAST_NOISE_DB = -68.0  # in the noise band; white noise of -60 dBFS has -65 there
LEAST_HUM_DB = -45.0
LEAST_HUM_PEAK_DB = 15.0  # above the spectrum beside it, so that no low voice counts as hum


@dataclass(frozen=True)
class BackgroundNoise:
    """Levels in dB of full scale; None for what is not there.

    Attributes:
        noise_db: of the quietest frames, where their spectrum is as flat as noise.
        hum_db: of a steady tone at the frequency of the mains.
        hum_hz: 50 or 60.
    """

    noise_db: float | None = None
    hum_db: float | None = None
    hum_hz: float | None = None


def background_noise(waveform: Tensor) -> BackgroundNoise:
    """Return what lies under the voice of a recording [samples] at 16 kHz, of a second or more, its offset removed."""
    samples = waveform.double()
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    if len(frames) < 10:
        return BackgroundNoise()
    power = frames.var(1, correction=0)
    quiet = frames[power.argsort()[: max(3, int(QUIETEST_SHARE * len(frames)))]]
    hum_db, hum_hz, peak_db = max(_line(samples, hz) for hz in MAINS_HZ)
    hums = hum_db > LEAST_HUM_DB and peak_db > LEAST_HUM_PEAK_DB
    return BackgroundNoise(_noise_db(quiet), hum_db if hums else None, hum_hz if hums else None)


def _noise_db(quiet: Tensor) -> float | None:
    """Return the level of noise in dB in frames [N, FRAME] without speech; None where they hold something else."""
    window = torch.hann_window(FRAME, periodic=False, dtype=torch.float64)
    spectrum = torch.fft.rfft(quiet * window).abs().square().mean(0) * 2 / window.square().sum() / FRAME
    hz = torch.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE_HZ)
    middle = spectrum[(hz > 1_000) & (hz < 7_000)] + 1e-14
    flatness = middle.log().mean().exp() / middle.mean()
    high_db = _db(spectrum[(hz >= NOISE_BAND_HZ[0]) & (hz < NOISE_BAND_HZ[1])].sum())
    if flatness < FLAT_NOISE or high_db < LEAST_NOISE_DB:
        return None
    return _db(quiet.var(1, correction=0).median())


def _line(samples: Tensor, hz: float) -> tuple[float, float, float]:
    """Return (level in dB, frequency, dB above the spectrum beside it) of a steady tone."""
    window = torch.hann_window(len(samples), periodic=False, dtype=torch.float64)
    spectrum = torch.fft.rfft(samples * window).abs().square() * 2 / window.sum() ** 2 / 1.5
    away = (torch.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ) - hz).abs()
    width = max(1.2, 2.5 * SAMPLE_RATE_HZ / len(samples))  # the window's main lobe
    line = spectrum[away < width].sum()
    beside = spectrum[(away > 2 * width) & (away < 7 * width)].mean() * (away < width).sum()
    return _db(line), hz, _db(line) - _db(beside)


def _db(power: Tensor) -> float:
    return 10 * float((power + 1e-14).log10())
