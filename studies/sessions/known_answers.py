"""Clips with known answers: whether a rater's answers are right, and what training says about them."""

import math
from collections.abc import Mapping
from typing import Any

from undertone.studies.design.scales import Scale
from undertone.studies.store.tables import Stimulus


def judge_answers(stimulus: Stimulus, given: Mapping[str, float]) -> dict[str, bool]:
    """Return, for each scale with a known answer, whether the given one is right within its tolerance."""
    return {
        scale: scale in given and abs(given[scale] - answer["value"]) <= answer["tolerance"] + 1e-9
        for scale, answer in _answers(stimulus).items()
    }


def feedback(stimulus: Stimulus, scales: Mapping[str, Scale], given: Mapping[str, float]) -> dict[str, Any]:
    """Return what training shows after an answer: for each scale right or not, and what would have been right."""
    answers, right = _answers(stimulus), judge_answers(stimulus, given)
    return {
        "text": (stimulus.expected or {}).get("feedback", ""),
        "scales": [
            {
                "title": scales[name].title,
                "right": right[name],
                "expected": describe_answers(scales[name], answer["value"], answer["tolerance"]),
            }
            for name, answer in answers.items()
        ],
    }


def describe_answers(scale: Scale, value: float, tolerance: float) -> str:
    """Return the right answers in words: "2 to 4" or "2 (Poor)"."""
    low, high = max(scale.minimum, value - tolerance), min(scale.maximum, value + tolerance)
    if high - low >= scale.increment:
        return f"{low:g} to {high:g}"
    label = next((text for known, text in scale.labels.items() if math.isclose(known, value)), "")
    return f"{value:g} ({label})" if label else f"{value:g}"


def _answers(stimulus: Stimulus) -> dict[str, dict[str, float]]:
    answers: dict[str, dict[str, float]] = (stimulus.expected or {}).get("answers", {})
    return answers
