"""What an edit changed, in numbers: pitch, its range, energy, duration, voicing. T frames at 50 Hz."""

import math
from dataclasses import dataclass
from html import escape

import torch
from torch import Tensor

from studies.acoustics import energy_db, level, pitch

SAMPLE_RATE_HZ = 16_000
NO_CHANGE = "±0"
LEAST_VOICED_FRAMES, LEAST_VOICED_SHARE = 15, 0.15  # fewer say nothing of a clip's pitch
TOO_FEW = "too few voiced frames"


@dataclass(frozen=True, eq=False)
class Measures:
    """Of one sound.

    Attributes:
        pitch_hz: [T], NaN where unvoiced.
        energy: [T] dB of full scale.
        f0_hz: mean over the voiced frames on the musical scale; None where they are too few.
        f0_range: semitones between the 5th and the 95th percentile of the voiced frames.
        speech_db: root mean square of the frames that are not silent.
    """

    pitch_hz: Tensor
    energy: Tensor
    seconds: float
    f0_hz: float | None
    f0_range: float | None
    speech_db: float
    voiced: float


def measure(audio: Tensor) -> Measures:
    """Of [samples] at 16 kHz."""
    hz = pitch(audio).hz
    voiced = hz[~hz.isnan()]
    f0_hz = f0_range = None
    if len(voiced) >= max(LEAST_VOICED_FRAMES, LEAST_VOICED_SHARE * len(hz)):
        semitones = 12 * voiced.log2()
        low, high = semitones.quantile(torch.tensor([0.05, 0.95])).tolist()
        f0_hz, f0_range = 2 ** (float(semitones.mean()) / 12), high - low
    return Measures(
        pitch_hz=hz,
        energy=energy_db(audio),
        seconds=len(audio) / SAMPLE_RATE_HZ,
        f0_hz=f0_hz,
        f0_range=f0_range,
        speech_db=level(audio).rms_db,
        voiced=len(voiced) / max(1, len(hz)),
    )


def change_in(attribute: str, before: Measures, after: Measures) -> float | None:
    """How much an attribute of a probe report changed, in its unit; None where it is not, or cannot be, measured."""
    if attribute == "energy":
        return after.speech_db - before.speech_db
    if attribute == "voicing":
        return 100 * (after.voiced - before.voiced)
    if attribute == "f0_mean" and before.f0_hz is not None and after.f0_hz is not None:
        return 12 * math.log2(after.f0_hz / before.f0_hz)
    if attribute == "f0_range" and before.f0_range is not None and after.f0_range is not None:
        return after.f0_range - before.f0_range
    return None


def changes(before: Measures, after: Measures) -> list[tuple[str, str, str, str]]:
    """Rows of what is measured, before, after, and the change; pitch in semitones."""
    return [
        ("Pitch (mean F0)", _hz(before.f0_hz), _hz(after.f0_hz), _semitones(before.f0_hz, after.f0_hz)),
        ("Pitch range", _plain(before.f0_range, "st"), _plain(after.f0_range, "st"),
         _difference(before.f0_range, after.f0_range, "st")),
        ("Loudness of speech", _plain(before.speech_db, "dB"), _plain(after.speech_db, "dB"),
         _difference(before.speech_db, after.speech_db, "dB")),
        ("Duration", _plain(before.seconds, "s", 2), _plain(after.seconds, "s", 2),
         _difference(before.seconds, after.seconds, "s", 2)),
        ("Voiced frames", _plain(100 * before.voiced, "%", 0), _plain(100 * after.voiced, "%", 0),
         _difference(100 * before.voiced, 100 * after.voiced, "%", 0)),
    ]  # fmt: skip


def changes_html(before: Measures, after: Measures) -> str:
    """The rows as tiles."""
    tiles = "".join(
        f'<div><dt>{escape(name)}</dt><dd class="change">{escape(change)}</dd>'
        f"<dd>{escape(was if was == now else f'{was} → {now}')}</dd></div>"
        for name, was, now, change in changes(before, after)
    )
    return f'<dl class="numbers" aria-label="What changed">{tiles}</dl>'


def _hz(value: float | None) -> str:
    return TOO_FEW if value is None else f"{value:.0f} Hz"


def _plain(value: float | None, unit: str, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f} {unit}".replace("-", "−")


def _difference(before: float | None, after: float | None, unit: str, digits: int = 1) -> str:
    if before is None or after is None:
        return "–"
    change = after - before
    return NO_CHANGE if abs(change) < 0.5 * 10**-digits else f"{change:+.{digits}f} {unit}".replace("-", "−")


def _semitones(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return TOO_FEW
    change = 12 * math.log2(after / before)
    return NO_CHANGE if abs(change) < 0.05 else f"{change:+.1f} st".replace("-", "−")
