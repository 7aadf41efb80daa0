"""Sentences of a report about its numbers, each said only of numbers that bear it out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from undertone.studies.analysis.bootstrap import Percentiles
from undertone.studies.analysis.clustered import Mean
from undertone.studies.analysis.mos import SystemScore
from undertone.studies.analysis.order import OrderEffect
from undertone.studies.analysis.pairs import SystemDifference
from undertone.studies.analysis.wording import capitalised

SAID_OF_CHANGE = 0.05  # a change within sessions is told below this p


def line_words(scores: Sequence[SystemScore]) -> str:
    """Say what the thin lines of a figure of means are, where there are some."""
    told = any(score.mean.low is not None for score in scores)
    return "Thin line: 95 % interval over raters and prompts, the one to report." if told else ""


def filled_words(pairs: Sequence[SystemDifference]) -> str:
    """Say what filled dots of a figure of differences are, where any pair was judged."""
    judged = any(pair.different is not None for pair in pairs)
    return "Filled: different at 5 % after Holm's correction within the family." if judged else ""


def published_words(source: str) -> str:
    """Say where published scores come from, and what may be compared with them."""
    return (
        f"Published: {source}. Other people rated other clips there: compare the order of the systems and their "
        "differences, not the scores."
    )


def second_words(order: Mean) -> str:
    """Say whether what is heard second is preferred, and what that means for the pairs."""
    value = f"{order.value:+.2f}".replace("-", "−")
    if order.low is None or order.high is None:
        return f"What is heard second gets {value}; whether that is chance cannot be told."
    ends = f"[{order.low:.2f}, {order.high:.2f}]".replace("-", "−")
    said = f"What is heard second gets {value} {ends}"
    if order.low <= 0 <= order.high:
        return f"{said}: no preference for a place is told."
    which = "second" if order.value > 0 else "first"
    return (
        f"{said}: what is heard {which} is preferred; the pairs above are free of it as far as both orders were heard "
        "equally often."
    )


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
    """Say what a change within sessions means for the systems, or that it cannot be judged."""
    if order.p is None:
        return "Whether that is chance cannot be told."
    if order.p >= SAID_OF_CHANGE:
        return "No change is told."
    if len(order.mean_places) < 2:
        return "Raters judged differently as they went on."
    places = ", ".join(f"{name} {place:.2f}" for name, place in order.mean_places.items())
    return (
        f"Raters judged differently as they went on; as systems stood at mean places {places} of the session (0 first, "
        "1 last), differences between them bear little of it only where these are alike."
    )


def equalising_words(
    roles: Mapping[str, str], scores: Sequence[SystemScore], limits: tuple[float, float] | None = None
) -> str:
    """Return the caveat of range equalising on one scale, with the references of the study that did their part.

    Args:
        roles: of systems, by name; "system" where one is not named.
        scores: of the systems that were rated on the scale.
        limits: ends of the scale.
    """
    means = {score.system: score.mean.value for score in scores}
    found: dict[str, list[str]] = {role: [] for role in ("system", "ground_truth", "low_anchor")}
    for name in means:
        found[roles.get(name, "system")].append(name)
    moved: list[str] = []
    failed: list[str] = []
    for role, side, effect, words in (
        ("low_anchor", -1, "a poor anchor raises the scores of the others", "rated below every system"),
        ("ground_truth", 1, "ground truth lowers those of the others", "rated above every system"),
    ):
        for name in found[role]:
            outside = all(side * (means[name] - means[one]) > 0 for one in found["system"])
            (moved if outside else failed).append(effect if outside else f"{name} was not {words}")
    text = (
        "Scores are relative to the systems of this study and cannot be compared with those of others: raters tend to "
        "spread over the scale whatever they are given (range equalising)"
    )
    text += f", so that {' and '.join(dict.fromkeys(moved))}." if moved else "."
    used = [value for score in scores for value in score.distribution]
    if len(set(used)) == 1:
        text += f" Here every rating was {used[0]:g}."
    elif limits is not None and used and (min(used), max(used)) != limits:
        text += f" Here they used {min(used):g} to {max(used):g} of {limits[0]:g} to {limits[1]:g}."
    if failed:
        text += f" {capitalised('; '.join(failed))}: as a reference it did not do its part."
    return text


def unjudged_words(definition: Mapping[str, Any]) -> str:
    """Say why no screening rule was judged: there is none, or nobody has got so far.

    Args:
        definition: of the study, as it is stored.
    """
    if (definition.get("provenance") or {}).get("imported"):
        return "Whether anybody was screened out before the import is not recorded."
    screened = bool((definition.get("screening") or {}).get("rules"))
    asked = any(section.get("kind") in ("eligibility", "headphones") for section in definition.get("sections", []))
    return "No session has been judged yet." if screened or asked else "No screening rule was set."
