"""The words of a card: what its slider does to the sound, as measured on other clips and on this one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from undertone.app.prosody.measures import Measures, change_in

# For each measured attribute what more and less of it sound like, and its unit.
WORDS = {
    "f0_mean": ("higher", "lower", "st"),
    "f0_range": ("livelier melody", "flatter melody", "st"),
    "energy": ("louder", "softer", "dB"),
    "tilt": ("brighter", "darker", "dB/octave"),
    "voicing": ("more voice", "more breath", "%"),
    "syllable_rate": ("more syllables", "fewer syllables", "a second"),
    "speech_share": ("less silence", "more silence", "%"),
}
NOTICEABLE = {"f0_mean": 1.0, "f0_range": 1.5, "energy": 1.0, "tilt": 1.0, "voicing": 5.0, "syllable_rate": 0.5,
              "speech_share": 5.0}  # fmt: skip
REWORDED = (
    ("; besides, ", "; also "),
    ("; by what the decoder answers to", "; found by what changes in the sound"),
    ("; by regression on latents of speech", "; found in recorded speech"),
)
ENDS = (-2.0, 2.0)  # sigmas at which the effects were measured, and which a card plays


@dataclass(frozen=True)
class Expectation:
    """The effect of a card on other clips.

    Attributes:
        attribute: that changes most, in units of what can be noticed.
        low, high: its change at -2 and at +2 sigma.
        clips: how many.
    """

    attribute: str
    low: float
    high: float
    clips: int

    @property
    def plain(self) -> str:
        """Return which way does what: "To the right: louder. To the left: softer." """
        more, less, _ = WORDS[self.attribute]
        way = [f"To the {side}: {more if value > 0 else less}."
               for side, value in (("right", self.high), ("left", self.low))
               if abs(value) >= 0.5 * NOTICEABLE[self.attribute]]  # fmt: skip
        return " ".join(way) or "Changes little that was measured; hear what it does."

    @property
    def text(self) -> str:
        """Return the sentence with its numbers."""
        return f"{_both_ends(self.attribute, self.low, self.high)} on {self.clips} other clips"


def expectation(effects: Mapping[str, Sequence[Any]], preferred: str | None = None) -> Expectation | None:
    """Return the greatest of a card's measured effects, or that on its own attribute; None where there is none."""
    found = []
    for attribute in (preferred,) if preferred in effects and preferred in WORDS else WORDS:
        at = {effect.sigma: effect for effect in effects.get(str(attribute), ())}
        if all(sigma in at for sigma in ENDS):
            low, high = (at[sigma].value for sigma in ENDS)
            found.append(Expectation(str(attribute), low, high, min(at[sigma].clips for sigma in ENDS)))
    return max(found, key=lambda one: max(abs(one.low), abs(one.high)) / NOTICEABLE[one.attribute], default=None)


def clip_effect(expected: Expectation | None, at: Sequence[Measures]) -> str:
    """Return in words what a card does to this clip, beside what was expected.

    Args:
        at: of the sounds at -2, 0 and +2 sigma.
    """
    attribute = expected.attribute if expected is not None else "energy"
    low, high = (change_in(attribute, at[1], end) for end in (at[0], at[2]))
    if low is None and high is None:
        reason = "too few voiced frames to say" if attribute.startswith("f0") else "not measured here; trust your ears"
        return f"On your clip: {reason}." + (f" Expected: {expected.text}." if expected else "")
    said = f"On your clip: {_both_ends(attribute, low, high)}."
    return f"{said} Expected: {expected.text}." if expected is not None else said


def readable_name(name: str) -> str:
    """Return a probe's name without its sign and number, which the card says otherwise: "loudness, reversed 2"."""
    plain = re.sub(r"(, reversed)?( \d+)?$", "", name) if not re.fullmatch(r"dimension \d+", name) else name
    return plain[:1].upper() + plain[1:]


def readable_evidence(text: str) -> str:
    """Return the report's sentence in words of the page."""
    for old, new in REWORDED:
        text = text.replace(old, new)
    return text


def _both_ends(attribute: str, low: float | None, high: float | None) -> str:
    unit = WORDS[attribute][2]
    said = ["too few voiced frames" if value is None else f"{value:+.1f}".replace("-", "−") + f" {unit}"
            for value in (low, high)]  # fmt: skip
    return f"{said[0]} at −2, {said[1]} at +2"
