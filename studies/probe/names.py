"""Name dimensions and directions by their measured effects, with the numbers as evidence."""

from collections import Counter
from collections.abc import Mapping, Sequence

from undertone.engine.probe import Effect, Effects, Measured, effect_range, is_monotone
from undertone.studies.probe.attributes import CLIP_ATTRIBUTES, FRAME_ATTRIBUTES

NAMES = {
    "f0_mean": "pitch height",
    "f0_range": "pitch range",
    "energy": "loudness",
    "tilt": "brightness",
    "voicing": "voicing",
    "syllable_rate": "syllable rate",
    "speech_share": "pauses",
}
SOUND_COLOUR, LITTLE = "sound colour", "little effect"


def importance(effects: Effects) -> float:
    """Return the largest effect of any attribute at any sigma, in changes that a listener notices."""
    sizes = [abs(e.value) / CLIP_ATTRIBUTES[key].noticeable for key, found in effects.items() for e in found]
    return max(sizes, default=0.0)


def name_effects(effects: Effects, correlations: Mapping[str, Measured]) -> tuple[str, str]:
    """Return (name, evidence) of one dimension or direction.

    The name is that of the attribute with the largest swing in noticeable changes, out of those that rise or fall all
    the way; "reversed" where more of the dimension is less of it.
    """
    swings = {
        key: effect_range(found) / CLIP_ATTRIBUTES[key].noticeable
        for key, found in effects.items()
        if key in NAMES and is_monotone(found)
    }
    best = max(swings, key=lambda key: abs(swings[key]), default=None)
    if best is not None and abs(swings[best]) >= 1:
        name = NAMES[best] + (", reversed" if swings[best] < 0 else "")
        return name, "; ".join([effect_text(best, effects[best]), *_also(swings, best, effects), *_seen(correlations)])
    spectrum = effects.get("spectrum", ())
    if spectrum and max(e.value for e in spectrum) >= CLIP_ATTRIBUTES["spectrum"].noticeable:
        return SOUND_COLOUR, "; ".join([effect_text("spectrum", spectrum), *_seen(correlations)])
    parts = [effect_text("spectrum", spectrum)] if spectrum else []
    return LITTLE, "; ".join(["no attribute moves by a noticeable step", *parts, *_seen(correlations)])


def effect_text(key: str, effects: Sequence[Effect]) -> str:
    """Format an attribute at the lowest and the highest sigma."""
    attribute = CLIP_ATTRIBUTES[key]
    ends = (effects[0], effects[-1])
    return f"{attribute.label} " + ", ".join(f"{e.text(attribute.unit)} at {e.sigma:+g} σ" for e in ends)


def number_duplicates(names: Sequence[str], order: Sequence[int]) -> list[str]:
    """Number the names that occur again, counted in the given order of their indices."""
    seen: Counter[str] = Counter()
    found = list(names)
    for index in order:
        seen[names[index]] += 1
        if seen[names[index]] > 1:
            found[index] = f"{names[index]} {seen[names[index]]}"
    return found


def _also(swings: Mapping[str, float], best: str, effects: Effects) -> list[str]:
    """Name the second attribute, where it moves noticeably too."""
    others = [key for key in swings if key != best and abs(swings[key]) >= 1]
    if not others:
        return []
    second = max(others, key=lambda key: abs(swings[key]))
    return [f"also {effect_text(second, effects[second])}"]


def _seen(correlations: Mapping[str, Measured]) -> list[str]:
    """Format the strongest correlation with a frame attribute."""
    if not correlations:
        return []
    key = max(correlations, key=lambda name: abs(correlations[name].value))
    return [f"correlation with {FRAME_ATTRIBUTES[key].label} within clips {correlations[key].text()}"]
