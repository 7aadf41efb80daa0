"""The change that an edit makes, in numbers: pitch, its range, energy, duration, voicing. T frames at 50 Hz."""

from dataclasses import dataclass
from html import escape

import torch
from torch import Tensor

from undertone.engine.audio.acoustics import energy_db, level, pitch
from undertone.engine.config import SAMPLE_RATE_HZ

NO_CHANGE = "±0"
LEAST_VOICED_FRAMES, LEAST_VOICED_SHARE = 15, 0.1  # fewer say nothing of a clip's pitch
TOO_FEW = "too few voiced frames"


@dataclass(frozen=True, eq=False)
class Measures:
    """The measures of one sound.

    Attributes:
        pitch_hz: [T], NaN where unvoiced.
        energy: [T] dB of full scale.
        speech_db: root mean square of the frames that are not silent.
    """

    pitch_hz: Tensor
    energy: Tensor
    seconds: float
    speech_db: float
    voiced: float


def measure_sound(audio: Tensor) -> Measures:
    """Measure [samples] at 16 kHz."""
    hz = pitch(audio).hz
    voiced = hz[~hz.isnan()]
    return Measures(
        pitch_hz=hz,
        energy=energy_db(audio),
        seconds=len(audio) / SAMPLE_RATE_HZ,
        speech_db=level(audio).rms_db,
        voiced=len(voiced) / max(1, len(hz)),
    )


@dataclass(frozen=True)
class PitchSummary:
    """The pitch of the frames that are compared.

    Attributes:
        semitones: mean on the musical scale, above 1 Hz.
        range: semitones between the 5th and the 95th percentile.
    """

    semitones: float
    range: float

    @property
    def hz(self) -> float:
        return float(2 ** (self.semitones / 12))


def summarise_common_pitch(before: Measures, after: Measures) -> tuple[PitchSummary, PitchSummary] | None:
    """Return both sounds' pitch over the frames that are voiced in both; None where these are too few.

    Over all voiced frames the mean would move with those that have lost their voice. Sounds of two lengths are
    compared over all of their voiced frames all the same.
    """
    hz = before.pitch_hz, after.pitch_hz
    least = max(LEAST_VOICED_FRAMES, LEAST_VOICED_SHARE * max(len(track) for track in hz))
    voiced = [~track.isnan() for track in hz]
    if len(hz[0]) == len(hz[1]):
        voiced = [voiced[0] & voiced[1]] * 2
    if any(int(where.sum()) < least for where in voiced):
        return None
    first, second = (_pitch(track[where]) for track, where in zip(hz, voiced, strict=True))
    return first, second


def _pitch(hz: Tensor) -> PitchSummary:
    semitones = 12 * hz.log2()
    low, high = semitones.quantile(torch.tensor([0.05, 0.95])).tolist()
    return PitchSummary(float(semitones.mean()), high - low)


def change_in(attribute: str, before: Measures, after: Measures) -> float | None:
    """Return how much an attribute of a probe report changed, in its unit; None where it cannot be measured."""
    if attribute == "energy":
        return after.speech_db - before.speech_db
    if attribute == "voicing":
        return 100 * (after.voiced - before.voiced)
    pair = summarise_common_pitch(before, after)
    if pair is None or attribute not in ("f0_mean", "f0_range"):
        return None
    was, now = pair
    return now.semitones - was.semitones if attribute == "f0_mean" else now.range - was.range


def measure_changes(before: Measures, after: Measures) -> list[tuple[str, str, str, str]]:
    """Return rows of what is measured, before, after, and the change; pitch in semitones."""
    pair = summarise_common_pitch(before, after)
    return [
        ("Pitch (mean F0)", *(
            (TOO_FEW, TOO_FEW, "–") if pair is None
            else (f"{pair[0].hz:.0f} Hz", f"{pair[1].hz:.0f} Hz",
                  _difference(pair[0].semitones, pair[1].semitones, "st"))
        )),
        ("Pitch range", *(
            (TOO_FEW, TOO_FEW, "–") if pair is None
            else (_plain(pair[0].range, "st"), _plain(pair[1].range, "st"),
                  _difference(pair[0].range, pair[1].range, "st"))
        )),
        ("Loudness of speech", _plain(before.speech_db, "dB"), _plain(after.speech_db, "dB"),
         _difference(before.speech_db, after.speech_db, "dB")),
        ("Duration", _plain(before.seconds, "s", 2), _plain(after.seconds, "s", 2),
         _difference(before.seconds, after.seconds, "s", 2)),
        ("Voiced frames", _plain(100 * before.voiced, "%", 0), _plain(100 * after.voiced, "%", 0),
         _difference(100 * before.voiced, 100 * after.voiced, "%", 0)),
    ]  # fmt: skip


def changes_html(before: Measures, after: Measures) -> str:
    """Return the rows as tiles of HTML."""
    tiles = "".join(
        f'<div><dt>{escape(name)}</dt><dd class="change">{escape(change)}</dd>'
        f"<dd>{escape(was if was == now else f'{was} → {now}')}</dd></div>"
        for name, was, now, change in measure_changes(before, after)
    )
    return f'<dl class="numbers" aria-label="What changed">{tiles}</dl>'


def _plain(value: float, unit: str, digits: int = 1) -> str:
    return f"{value:.{digits}f} {unit}".replace("-", "−")


def _difference(before: float, after: float, unit: str, digits: int = 1) -> str:
    change = after - before
    return NO_CHANGE if abs(change) < 0.5 * 10**-digits else f"{change:+.{digits}f} {unit}".replace("-", "−")
