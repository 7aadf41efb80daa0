"""The statements M0 to M6 about a ladder, written down before it is trained, and judged from its numbers alone.

A statement holds or fails by its thresholds. It is untested where a rung is missing, or where no rung that it compares
is above chance: models that know nothing agree with each other, which says nothing of the streams.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from undertone.engine.config import Config
from undertone.engine.ladder import Judgement, Rung
from undertone.studies.measures.intervals import Estimate

FAIR_POINTS = 1.5  # M0
BELOW_NGRAM_POINTS = 3.0  # M1
ALIKE_POINTS = 3.0  # M2, and words in M3
LENGTH_POINTS = -3.0  # M3
VARIABILITY_POINTS = -10.0  # M4
GRADES: tuple[Rung, ...] = ("phone-repeat", "speech-one", "speech-many", "speech-clusters")  # words fall along them

LEAST_SEEDS = 3  # M6

Verdict = Literal["holds", "fails", "untested"]
Accuracies = Mapping[Rung, Mapping[Judgement, Estimate]]
Contrasts = Mapping[tuple[Rung, Rung, Judgement], tuple[float, float, float]]  # low, points, high
Ngrams = Mapping[int, Mapping[Judgement, Estimate]]


class Statement(Config):
    """A statement with its verdict and the numbers that it rests on."""

    name: str
    says: str
    verdict: Verdict
    evidence: str


def judge_statements(
    accuracies: Accuracies,
    contrasts: Contrasts,
    ngrams: Ngrams,
    reaching: Mapping[Rung, tuple[int, ...]],
    perplexities: Mapping[Rung, float],
) -> tuple[Statement, ...]:
    """Return all statements, judged.

    Args:
        accuracies: of the rungs that are finished.
        contrasts: from one rung to another, in points.
        ngrams: of phone n-grams without context, by order.
        reaching: of each seed of a rung, the layer that nearly reaches the last one's accuracy on words.
        perplexities: of continuations, the medians.
    """
    return (
        _fair(ngrams),
        _language_model(accuracies, ngrams),
        _phones_cost_little(accuracies, contrasts),
        _length(accuracies, contrasts),
        _variability(accuracies, contrasts),
        _continuations(perplexities),
        _depth(accuracies, reaching),
    )


def _fair(ngrams: Ngrams) -> Statement:
    asked: list[tuple[int, Judgement]] = [(1, "words"), (2, "words"), (1, "grammar"), (3, "topics")]
    found = [
        (order, judgement, ngrams[order][judgement].value) for order, judgement in asked if judgement in ngrams[order]
    ]
    fair = all(abs(100 * value - 50) <= FAIR_POINTS for _, _, value in found)
    return Statement(
        name="M0",
        says=f"The pairs are fair: phone n-grams without words or context are right in 50 % +- {FAIR_POINTS:g} points.",
        verdict=("holds" if fair else "fails") if len(found) == len(asked) else "untested",
        evidence="; ".join(f"{judgement}, order {order}: {value:.1%}" for order, judgement, value in found),
    )


def _language_model(accuracies: Accuracies, ngrams: Ngrams) -> Statement:
    says = f"Phone-Raw is a language model: on words at most {BELOW_NGRAM_POINTS:g} points below 5-gram phones."
    if "words" not in ngrams[5] or "phone-raw" not in accuracies:
        return _untested("M1", says, "phone-raw is not finished, or there are no pairs of words")
    ngram, model = ngrams[5]["words"].value, accuracies["phone-raw"]["words"].value
    return Statement(
        name="M1",
        says=says,
        verdict="holds" if 100 * (model - ngram) >= -BELOW_NGRAM_POINTS else "fails",
        evidence=f"Phone-Raw {model:.1%}, 5-gram {ngram:.1%}",
    )


def _phones_cost_little(accuracies: Accuracies, contrasts: Contrasts) -> Statement:
    says = f"Phones instead of text change words and grammar by at most {ALIKE_POINTS:g} points, in pieces and raw."
    steps: tuple[tuple[Rung, Rung], ...] = (("text-bpe", "phone-bpe"), ("text-raw", "phone-raw"))
    judgements: tuple[Judgement, ...] = ("words", "grammar")
    compared = [(before, after, judgement) for before, after in steps for judgement in judgements]
    if reason := _reason_untested(accuracies, contrasts, compared):
        return _untested("M2", says, reason)
    alike = all(abs(contrasts[key][1]) <= ALIKE_POINTS for key in compared)
    return Statement(name="M2", says=says, verdict=_verdict(alike), evidence=_listed(contrasts, compared))


def _length(accuracies: Accuracies, contrasts: Contrasts) -> Statement:
    says = (
        f"Phones that last as in speech cost grammar and topics {-LENGTH_POINTS:g} points or more, with the interval "
        f"below 0, and change words by at most {ALIKE_POINTS:g}."
    )
    step: tuple[Rung, Rung] = ("phone-raw", "phone-repeat")
    lower: list[tuple[Rung, Rung, Judgement]] = [(*step, "grammar"), (*step, "topics")]
    compared: list[tuple[Rung, Rung, Judgement]] = [*lower, (*step, "words")]
    if reason := _reason_untested(accuracies, contrasts, compared):
        return _untested("M3", says, reason)
    falls = all(contrasts[key][1] <= LENGTH_POINTS and contrasts[key][2] < 0 for key in lower)
    alike = abs(contrasts[(*step, "words")][1]) <= ALIKE_POINTS
    return Statement(name="M3", says=says, verdict=_verdict(falls and alike), evidence=_listed(contrasts, compared))


def _variability(accuracies: Accuracies, contrasts: Contrasts) -> Statement:
    says = (
        f"Unsupervised units of many speakers instead of phones cost words {-VARIABILITY_POINTS:g} points or more, "
        "with the interval below 0, and supervised units of one speaker, then of many, lie between."
    )
    fall: tuple[Rung, Rung, Judgement] = ("phone-repeat", "speech-clusters", "words")
    missing = [rung for rung in GRADES if rung not in accuracies]
    if reason := _reason_untested(accuracies, contrasts, [fall]) or (
        f"{', '.join(missing)} not finished" if missing else ""
    ):
        return _untested("M4", says, reason)
    words = [accuracies[rung]["words"].value for rung in GRADES]
    falls = contrasts[fall][1] <= VARIABILITY_POINTS and contrasts[fall][2] < 0
    evidence = f"{_listed(contrasts, [fall])}; words {', '.join(f'{value:.1%}' for value in words)}"
    in_order = all(before >= after for before, after in pairwise(words))
    return Statement(name="M4", says=says, verdict=_verdict(falls and in_order), evidence=evidence)


def _continuations(perplexities: Mapping[Rung, float]) -> Statement:
    says = (
        "Continuations are the less likely the nearer a rung is to speech: by one judge of phones, the median "
        "perplexities of both texts are below Phone-Raw's, that is below Phone-Repeat's, and that below those of "
        "unsupervised units."
    )
    asked: tuple[Rung, ...] = ("text-bpe", "text-raw", "phone-raw", "phone-repeat", "speech-clusters")
    if missing := [rung for rung in asked if rung not in perplexities]:
        return _untested("M5", says, f"no continuations of {', '.join(missing)}")
    pieces, letters, *others = (perplexities[rung] for rung in asked)
    in_order = all(before < after for before, after in pairwise([max(pieces, letters), *others]))
    evidence = "; ".join(f"{rung} {perplexities[rung]:.1f}" for rung in asked)
    return Statement(name="M5", says=says, verdict=_verdict(in_order), evidence=evidence)


def _depth(accuracies: Accuracies, reaching: Mapping[Rung, tuple[int, ...]]) -> Statement:
    says = (
        "Words are known earlier where tokens are fewer: Phone-Raw reaches 90 % of its accuracy on words at an earlier "
        f"layer than Phone-Repeat, in each of {LEAST_SEEDS} seeds or more."
    )
    raw, repeat = reaching.get("phone-raw", ()), reaching.get("phone-repeat", ())
    if not raw or not repeat:
        return _untested("M6", says, "phone-raw or phone-repeat is not finished, or was not read by layer")
    evidence = f"Phone-Raw at layer {_joined(raw)}, Phone-Repeat at {_joined(repeat)}"
    if not all(accuracies[rung]["words"].low > 0.5 for rung in ("phone-raw", "phone-repeat")):
        return _untested("M6", says, f"phone-raw or phone-repeat is at chance on words; {evidence}")
    if min(len(raw), len(repeat)) < LEAST_SEEDS:
        return _untested("M6", says, f"{min(len(raw), len(repeat))} of {LEAST_SEEDS} seeds; {evidence}")
    earlier = all(one < other for one, other in zip(raw, repeat, strict=True))
    return Statement(name="M6", says=says, verdict=_verdict(earlier), evidence=evidence)


def _joined(layers: tuple[int, ...]) -> str:
    return ", ".join(map(str, layers))


def _reason_untested(accuracies: Accuracies, contrasts: Contrasts, compared: list[tuple[Rung, Rung, Judgement]]) -> str:
    """Return why a comparison says nothing, an empty text where it does say something."""
    for before, after, judgement in compared:
        if (before, after, judgement) not in contrasts:
            return f"{before} or {after} is not finished, or there are no pairs of {judgement}"
        if not any(accuracies[rung][judgement].low > 0.5 for rung in (before, after)):
            return f"{before} and {after} are both at chance on {judgement}"
    return ""


def _listed(contrasts: Contrasts, compared: list[tuple[Rung, Rung, Judgement]]) -> str:
    parts = []
    for before, after, judgement in compared:
        low, points, high = contrasts[before, after, judgement]
        parts.append(f"{before} to {after}, {judgement}: {points:+.1f} [{low:+.1f}, {high:+.1f}]")
    return "; ".join(parts)


def _untested(name: str, says: str, reason: str) -> Statement:
    return Statement(name=name, says=says, verdict="untested", evidence=reason)


def _verdict(holds: bool) -> Verdict:
    return "holds" if holds else "fails"
