"""The evidence for latent dimensions in a single clip, for bundles without a probe report. T frames, Z latent dims."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undertone.engine import Speech
from undertone.engine.audio.acoustics import energy_db, pitch

CLEAR_CORRELATION = 0.4  # below it a dimension keeps its number as its name
FEWEST_FRAMES = 25  # half a second
QUIET_DB = -60.0
NAMES = {"energy": "goes with loudness", "pitch": "goes with pitch", "brightness": "goes with brightness"}


@dataclass(frozen=True)
class ClipEvidence:
    """The evidence for one dimension.

    Attributes:
        name: what it goes with; empty where nothing is clear.
        text: one sentence with the numbers.
        importance: nats a frame that the posterior carries in this clip; the spread where there is no posterior.
    """

    name: str
    text: str
    importance: float


def clip_evidence(speech: Speech) -> tuple[ClipEvidence, ...]:
    """Return the evidence of each dimension."""
    attributes = _attributes(speech)
    return tuple(_evidence_of(speech, dimension, attributes) for dimension in range(speech.latents.shape[1]))


def _evidence_of(speech: Speech, dimension: int, attributes: dict[str, tuple[Tensor, Tensor]]) -> ClipEvidence:
    track = speech.latents[:, dimension]
    correlations = {name: _correlation(track, values, where) for name, (values, where) in attributes.items()}
    known = {name: value for name, value in correlations.items() if value is not None}
    best = max(known, key=lambda name: abs(known[name]), default=None)
    name = NAMES[best] if best is not None and abs(known[best]) >= CLEAR_CORRELATION else ""
    if speech.latents_logstd is None:
        importance, amount = float(track.std(correction=0)), f"spread {float(track.std(correction=0)):.2f}"
    else:
        noise = float((2 * speech.latents_logstd[:, dimension]).exp().mean())
        importance = 0.5 * math.log1p(float(track.var(correction=0)) / max(noise, 1e-12))
        amount = f"{importance:.1f} nats a frame"
    listed = ", ".join(f"r = {value:+.2f} with {name}" for name, value in known.items())
    return ClipEvidence(name, f"{amount}; {listed or 'too little speech to correlate'}.", importance)


def _attributes(speech: Speech) -> dict[str, tuple[Tensor, Tensor]]:
    """Return for each attribute its values [T] and the frames [T] in which they mean something."""
    frames = speech.num_frames
    energy = _fit_length(energy_db(speech.audio), frames)
    audible = energy > QUIET_DB
    hz = _fit_length(pitch(speech.audio).hz, frames)
    weight = speech.mel.exp()
    bands = torch.arange(weight.shape[1], dtype=weight.dtype)
    brightness = (weight * bands).sum(1) / weight.sum(1).clamp_min(1e-9)
    return {
        "energy": (energy, audible),
        "pitch": (hz.log2().nan_to_num(), ~hz.isnan()),
        "brightness": (_fit_length(brightness, frames), audible),
    }


def _fit_length(values: Tensor, frames: int) -> Tensor:
    """Return values [frames], the last one held where the sound gave fewer."""
    if len(values) >= frames:
        return values[:frames]
    return torch.cat([values, values[-1:].expand(frames - len(values))])


def _correlation(track: Tensor, values: Tensor, where: Tensor) -> float | None:
    x, y = track[where], values[where]
    if len(x) < FEWEST_FRAMES or float(x.std()) < 1e-9 or float(y.std()) < 1e-9:
        return None
    return float(torch.corrcoef(torch.stack([x, y]))[0, 1])
