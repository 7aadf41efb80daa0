"""Sentences of a report about its numbers, each said only of numbers that bear it out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from undertone.studies.analysis.bootstrap import Percentiles
from undertone.studies.analysis.mos import SystemScore
from undertone.studies.analysis.order import OrderEffect

SAID_OF_CHANGE = 0.05  # a change within sessions is told below this p


def naive_words(scores: Sequence[SystemScore]) -> str:
    """Say what half-widths of 1.96 sd / √n are beside the report's; that they are too narrow only where all are."""
    pairs = [(score.naive_half_width, score.mean.half_width) for score in scores]
    known = [(naive, clustered) for naive, clustered in pairs if naive is not None and clustered is not None]
    if not known:
        return ""
    text = "Thick: 1.96 sd/√n as older papers print it, as if every rating were of another rater and prompt"
    narrower = sum(naive < clustered for naive, clustered in known)
    if narrower == len(known):
        return f"{text}, which is too narrow."
    return f"{text}; here it is narrower for {narrower} of {len(known)} systems." if narrower else f"{text}."


def dots_words(roles: Mapping[str, str], systems: Collection[str]) -> str:
    """Say what open dots are, where there are any."""
    found = {roles.get(system, "system") for system in systems}
    names = [words for role, words in (("ground_truth", "ground truth"), ("low_anchor", "anchors")) if role in found]
    return f"Open dots: {' and '.join(names)}." if names else ""


def checks_words(scores: Sequence[SystemScore], resampled: Sequence[Percentiles], mixed: bool) -> str:
    """Say what other methods a table of checks has, and that the bootstrap is wide only where it is.

    Args:
        scores: the report's.
        resampled: means by the bootstrap, in the same order.
        mixed: whether the mixed model has means.
    """
    widths = [
        (one.high - one.low, 2 * score.mean.half_width)
        for score, one in zip(scores, resampled, strict=True)
        if one.low is not None and one.high is not None and score.mean.half_width is not None
    ]
    methods = [name for name, there in (("a two-way bootstrap", widths), ("a mixed model", mixed)) if there]
    if not methods:
        return "No other method gives intervals for these means."
    text = f"The same means by {' and by '.join(methods)}"
    if widths and all(bootstrap > own for bootstrap, own in widths):
        return f"{text}; the bootstrap counts chance twice and comes out somewhat wide."
    return f"{text}."


def order_words(order: OrderEffect) -> str:
    """Say what a change within sessions means for the systems; nothing where it is not tested."""
    if order.p is None:
        return ""
    if order.p >= SAID_OF_CHANGE:
        return "No change is told."
    places = ", ".join(f"{name} {place:.2f}" for name, place in order.mean_places.items())
    return (
        f"Raters judged differently as they went on; as systems stood at mean places {places} of the session (0 first, "
        "1 last), differences between them bear little of it only where these are alike."
    )


def equalising_words(roles: Collection[str]) -> str:
    """Return the caveat of range equalising, with the references that this study has.

    Args:
        roles: of the systems that were rated.
    """
    moved = [
        words
        for role, words in (
            ("low_anchor", "a poor anchor raises the scores of the others"),
            ("ground_truth", "ground truth lowers those of the others"),
        )
        if role in roles
    ]
    effect = f", so that {' and '.join(moved)}" if moved else ""
    return (
        "Scores are relative to the systems of this study and cannot be compared with those of others: raters use the "
        f"whole scale for whatever they are given (range equalising){effect}."
    )


def unjudged_words(definition: Mapping[str, Any]) -> str:
    """Say why no screening rule was judged: there is none, or nobody has got so far.

    Args:
        definition: of the study, as it is stored.
    """
    screened = bool((definition.get("screening") or {}).get("rules"))
    asked = any(section.get("kind") in ("eligibility", "headphones") for section in definition.get("sections", []))
    return "No session has been judged yet." if screened or asked else "No screening rule was set."
