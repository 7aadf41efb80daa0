"""Clips with known answers: whether a rater's answers are right, and what training says about them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from undertone.studies.design.kinds import PreferenceTrial, SetTrial
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


def set_feedback(
    stimuli: Sequence[Stimulus], scales: Mapping[str, Scale], given: Sequence[Mapping[str, float]], trials: SetTrial
) -> dict[str, Any]:
    """Return what training shows after a trial of several clips: as `feedback` does, with the number of each clip.

    A preference is said of the second clip, as the page asks it.
    """
    shown = []
    for number, (stimulus, values) in enumerate(zip(stimuli, given, strict=True), 1):
        right = judge_answers(stimulus, values)
        for name, answer in _answers(stimulus).items():
            of_first = isinstance(trials, PreferenceTrial) and number == 1
            value = -answer["value"] if of_first else answer["value"]
            shown.append(
                {
                    "title": scales[name].title,
                    "clip": None if isinstance(trials, PreferenceTrial) else number,
                    "right": right[name],
                    "expected": _in_words(scales[name], value, answer["tolerance"]),
                }
            )
    text = next((one.expected["feedback"] for one in stimuli if one.expected and one.expected.get("feedback")), "")
    return {"text": text, "scales": shown}


def _in_words(scale: Scale, value: float, tolerance: float) -> str:
    """Return the labels of the right answers, where each has one: an answer's number is nowhere on such a page."""
    labels = {round(known, 9): text for known, text in scale.labels.items()}
    right = [known for known in scale.values if abs(known - value) <= tolerance + 1e-9]
    if all(known in labels for known in right):
        return " / ".join(labels[known] for known in right)
    return describe_answers(scale, value, tolerance)


def describe_answers(scale: Scale, value: float, tolerance: float) -> str:
    """Return the right answers as they are read in any language: "2 – 4" or "2 (Poor)"."""
    low, high = max(scale.minimum, value - tolerance), min(scale.maximum, value + tolerance)
    if high - low >= scale.increment:
        return f"{low:g} – {high:g}"
    label = next((text for known, text in scale.labels.items() if math.isclose(known, value)), "")
    return f"{value:g} ({label})" if label else f"{value:g}"


def _answers(stimulus: Stimulus) -> dict[str, dict[str, float]]:
    answers: dict[str, dict[str, float]] = (stimulus.expected or {}).get("answers", {})
    return answers
