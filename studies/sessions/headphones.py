"""The headphone test: which of three tones is quietest? Loudspeakers cancel the one in antiphase (Woods 2017)."""

import io
import random

import numpy as np
import soundfile

from undertone.engine.config import SAMPLE_RATE_HZ

TONE_HZ = 200.0  # low enough that antiphase cancels in the air, wherever the listener sits
TONE_SECONDS = 1.0
RAMP_SECONDS = 0.1
PAUSE_SECONDS = 0.5
QUIET_DB = -6.0
AMPLITUDE = 0.2
SECONDS = 3 * TONE_SECONDS + 2 * PAUSE_SECONDS

TONES = ("quiet", "plain", "antiphase")


def tone_orders(seed: int, trials: int) -> list[tuple[str, ...]]:
    """Return the order of the three tones in each trial; the right answer is 1, 2 and 3 about equally often."""
    rng = random.Random(seed)
    places = [index % 3 for index in range(trials)]
    rng.shuffle(places)
    orders = []
    for place in places:
        others = ["plain", "antiphase"]
        rng.shuffle(others)
        orders.append((*others[:place], "quiet", *others[place:]))
    return orders


def right_answer(order: tuple[str, ...]) -> int:
    """Return 1, 2 or 3."""
    return order.index("quiet") + 1


def tone_audio(order: tuple[str, ...]) -> bytes:
    """Return a stereo FLAC file of three tones with pauses."""
    pause = np.zeros((round(PAUSE_SECONDS * SAMPLE_RATE_HZ), 2))
    parts = [_tone(order[0]), pause, _tone(order[1]), pause, _tone(order[2])]
    return as_flac(np.concatenate(parts))


def volume_audio(seed: int, loudness_dbfs: float, seconds: float = 5.0) -> bytes:
    """Return noise with the spectrum and rhythm of speech, to set the volume where the study has no clip for it.

    Args:
        loudness_dbfs: its level, root mean square over both channels, in dB of full scale.
    """
    rng = np.random.default_rng(seed)
    samples = round(seconds * SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
    shaped = np.fft.irfft(spectrum * (hertz > 80) / np.maximum(1.0, hertz / 500.0), samples)
    time = np.arange(samples) / SAMPLE_RATE_HZ
    shaped *= (0.55 - 0.45 * np.cos(2 * np.pi * 4.0 * time)) * _ramps(samples)  # four syllables a second
    shaped *= 10 ** (loudness_dbfs / 20) / np.sqrt(np.mean(shaped**2))
    return as_flac(np.clip(shaped, -0.98, 0.98))


def as_flac(samples: np.ndarray) -> bytes:
    """Return a file without any metadata but its format."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _tone(kind: str) -> np.ndarray:
    """Return a tone, [samples, 2]."""
    time = np.arange(round(TONE_SECONDS * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = AMPLITUDE * np.sin(2 * np.pi * TONE_HZ * time) * _ramps(len(time))
    if kind == "quiet":
        wave = wave * 10 ** (QUIET_DB / 20)
    return np.stack([wave, -wave if kind == "antiphase" else wave], axis=1)


def _ramps(samples: int) -> np.ndarray:
    """Fade in and out, raised cosine."""
    ramp = round(RAMP_SECONDS * SAMPLE_RATE_HZ)
    up = 0.5 - 0.5 * np.cos(np.pi * np.arange(ramp) / ramp)
    return np.concatenate([up, np.ones(samples - 2 * ramp), up[::-1]])
