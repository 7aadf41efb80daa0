"""Mixing of channels that hold one voice. C channels."""

import numpy as np

SILENT_PEAK = 1e-4  # -80 dBFS: nothing was plugged in
ENVELOPE_SECONDS = 0.02
MIN_ENVELOPE_CORRELATION = 0.3  # correlation of envelopes: one room has above 0.8, the two sides of a call below 0.1


def mix_to_mono(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Return float32 [samples] of [C, samples]: silent channels left out, opposite phases turned, the rest averaged.

    Raises:
        ValueError: the channels hold different sounds, as the two sides of a call do.
    """
    audible = audio[np.abs(audio).max(axis=1) > SILENT_PEAK]
    if len(audible) < 2:
        return np.asarray(audible[0] if len(audible) else audio[0], dtype=np.float32)
    loudest = audible[int(np.square(audible).sum(axis=1).argmax())]
    envelope = _envelope(loudest, sample_rate_hz)
    mixed = np.zeros(audio.shape[1], dtype=np.float64)
    for channel in audible:
        likeness = _correlation(_envelope(channel, sample_rate_hz), envelope)
        if likeness < MIN_ENVELOPE_CORRELATION:
            raise ValueError(
                f"its channels hold different sounds, as the sides of a call do (correlation {likeness:.2f}); "
                "write each channel to a file of its own"
            )
        mixed += -channel if _correlation(channel, loudest) < -0.5 else channel
    return (mixed / len(audible)).astype(np.float32)


def _envelope(channel: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    frame = max(1, round(ENVELOPE_SECONDS * sample_rate_hz))
    whole = channel[: max(frame, len(channel) // frame * frame)]
    return np.sqrt(np.square(whole[: len(whole) // frame * frame].reshape(-1, frame)).mean(axis=1))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Pearson's correlation; 1 where one of them does not vary."""
    first, second = first - first.mean(), second - second.mean()
    spread = float(np.sqrt(np.square(first).sum() * np.square(second).sum()))
    return float((first * second).sum()) / spread if spread > 0 else 1.0
