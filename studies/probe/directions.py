"""Find directions in latent space that change one attribute and leave the others, by regression and by response.

Z latent dims.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from undertone.engine.probe import DirectionProbe, Effects, LatentStatistics, effect_range, is_monotone
from undertone.engine.prosody import DirectionEdit, LatentEdit
from undertone.studies.probe.attributes import CLIP_ATTRIBUTES, FRAME_ATTRIBUTES
from undertone.studies.probe.clips import ProbeClips
from undertone.studies.probe.linear_probes import Array, Direction, ProbeFrames, directions, linear_probe, readout
from undertone.studies.probe.names import effect_text, importance

# Frame attribute to the clip attribute that it shows in, and the name of its direction.
TARGETS = {
    "f0": ("f0_mean", "pitch height"),
    "energy": ("energy", "loudness"),
    "tilt": ("tilt", "brightness"),
    "voicing": ("voicing", "voicing"),
}
HELD = ("f0", "energy", "tilt")  # while another is moved; whether a frame is voiced follows from the others
MIN_R2 = 0.05  # of a regression: below this the latents do not know the attribute
SLIDER_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A direction whose effects are not measured yet."""

    attribute: str  # of frames
    method: Literal["regression", "response"]
    direction: Direction

    def edit(self, sigma: float) -> LatentEdit:
        """Return the edit that shifts along the direction."""
        name, vectors = TARGETS[self.attribute][1], self.direction
        return LatentEdit(
            edits=(DirectionEdit(name=name, vector=vectors.vector, readout=vectors.readout, shift=sigma),)
        )


def regression_candidates(frames: dict[str, ProbeFrames], material: ProbeClips) -> list[Candidate]:
    """Return the directions of attributes found by regression, as far as speakers that were left out confirm them."""
    scores = {attribute: linear_probe(frames[attribute].within_clips()) for attribute in TARGETS}
    known = [attribute for attribute, r2 in scores.items() if r2 is not None and r2.value >= MIN_R2]
    return _candidates({attribute: readout(frames[attribute]) for attribute in known}, "regression", material)


def response_candidates(
    effects: Sequence[Effects], statistics: LatentStatistics, material: ProbeClips
) -> list[Candidate]:
    """Return the directions along which the decoder changes the attributes that some dimension moves.

    Args:
        effects: of each dimension.
    """
    answered = [
        attribute
        for attribute, (clip_attribute, _) in TARGETS.items()
        if any(_moves(found, clip_attribute) for found in effects)
    ]
    std = np.array(statistics.std)
    weights = {key: np.array([_slope(found, TARGETS[key][0]) for found in effects]) / std for key in answered}
    return _candidates(weights, "response", material)


def select_directions(
    candidates: Sequence[Candidate], effects: Sequence[Effects], frames: dict[str, ProbeFrames], material: ProbeClips
) -> tuple[tuple[DirectionProbe, ...], dict[str, str]]:
    """Return the most selective candidate for each attribute, and why there is none for the rest."""
    found: list[DirectionProbe] = []
    missing: dict[str, str] = {}
    for attribute, (clip_attribute, name) in TARGETS.items():
        own = [(c, e) for c, e in zip(candidates, effects, strict=True) if c.attribute == attribute]
        able = [(c, e) for c, e in own if _moves(e, clip_attribute)]
        if able:
            candidate, effect = max(able, key=lambda pair: _selectivity(pair[1], clip_attribute))
            found.append(_probe(candidate, effect, frames, material))
            continue
        r2 = linear_probe(frames[attribute].within_clips())
        known = "cannot be predicted from the latents" if r2 is None else f"R2 from the latents {r2.value:.2f}"
        tried = [
            f"by {c.method} {effect_text(clip_attribute, e[clip_attribute])}" for c, e in own if clip_attribute in e
        ]
        missing[name] = "; ".join([f"{FRAME_ATTRIBUTES[attribute].label}: {known}", *tried])
    return tuple(found), missing


def _candidates(
    weights: dict[str, Array], method: Literal["regression", "response"], material: ProbeClips
) -> list[Candidate]:
    """Return a direction for each attribute that leaves the held ones among the others alone."""
    covariance = np.cov(material.latents.double().numpy().T)
    found = []
    for attribute, own in weights.items():
        others = [weights[key] for key in HELD if key in weights and key != attribute]
        along = directions(np.stack([own, *others], axis=1), covariance)[0]
        found.append(Candidate(attribute, method, along))
    return found


def _probe(
    candidate: Candidate, effects: Effects, frames: dict[str, ProbeFrames], material: ProbeClips
) -> DirectionProbe:
    latents = material.latents.double().numpy()
    along = (latents - latents.mean(0)) @ np.array(candidate.direction.readout)
    low, high = np.percentile(along, SLIDER_PERCENTILES).tolist()
    r2 = linear_probe(frames[candidate.attribute].within_clips())
    clip_attribute, name = TARGETS[candidate.attribute]
    how = {"regression": "regression on latents of speech", "response": "what the decoder answers to"}
    others = [key for key, _ in TARGETS.values() if key != clip_attribute and key in effects]
    most = max(others, key=lambda key: _swing(effects, key), default=None)
    also = [f"besides, {effect_text(most, effects[most])}"] if most and _swing(effects, most) >= 1 else []
    return DirectionProbe(
        name=name,
        attribute=candidate.attribute,
        method=candidate.method,
        vector=candidate.direction.vector,
        readout=candidate.direction.readout,
        r2=None if r2 is None else r2.value,
        evidence="; ".join(
            [effect_text(clip_attribute, effects[clip_attribute]), *also, f"by {how[candidate.method]}"]
        ),
        importance=importance(effects),
        slider_low=low,
        slider_high=high,
        effects=effects,
    )


def _slope(effects: Effects, attribute: str) -> float:
    """Change of an attribute for one sigma, by least squares through no change at no shift."""
    found = effects.get(attribute, ())
    return sum(e.sigma * e.value for e in found) / max(sum(e.sigma**2 for e in found), 1e-12)


def _moves(effects: Effects, attribute: str) -> bool:
    """Return whether an attribute moves monotonically, surely, and by at least one noticeable change."""
    found = effects.get(attribute, ())
    return is_monotone(found) and abs(effect_range(found)) >= CLIP_ATTRIBUTES[attribute].noticeable


def _swing(effects: Effects, attribute: str) -> float:
    """Return the change from the lowest to the highest sigma, in noticeable changes."""
    found = effects.get(attribute, ())
    return abs(found[-1].value - found[0].value) / CLIP_ATTRIBUTES[attribute].noticeable if found else 0.0


def _selectivity(effects: Effects, attribute: str) -> float:
    """Return how much the attribute moves for the most that any other attribute moves with it."""
    others = [_swing(effects, key) for key, _ in TARGETS.values() if key != attribute]
    return _swing(effects, attribute) / (1 + max(others))
