"""Wordings of the ready-made scales in other languages; the hash of a scale is that of the words that raters read."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from undertone.studies.design.languages import LANGUAGES, Message
from undertone.studies.design.scales import SCALES, Scale

FOLDER = Path(__file__).with_name("scale_wordings")


@cache
def scale_texts() -> frozenset[str]:
    """Return every English text of the ready-made scales."""
    return frozenset(text for scale in SCALES.values() for text in texts_of(scale))


def texts_of(scale: Scale) -> tuple[str, ...]:
    """Return what a rater reads of a scale: title, question, labels."""
    return scale.title, scale.question, *scale.labels.values()


@cache
def wordings(language: str) -> Mapping[str, str]:
    """Return the scales' words in a built-in language by their English text; empty for another language."""
    base = language.partition("-")[0]
    if base == "en":
        return {text: text for text in scale_texts()}
    if base not in LANGUAGES:
        return {}
    found: dict[str, str] = json.loads((FOLDER / f"{base}.json").read_text(encoding="utf-8"))
    return found


def speak_scale(name: str, language: str, brought: Mapping[str, Message]) -> Scale:
    """Return a ready-made scale in a language, with the words that the study file brings where it brings some.

    Raises:
        ValueError: there is no such scale, or the language has no words for it.
    """
    if name not in SCALES:
        raise ValueError(f"unknown scale {name!r}; known scales: {', '.join(SCALES)}, or give the whole wording")
    scale = SCALES[name]
    said = {**wordings(language), **{text: word for text, word in brought.items() if isinstance(word, str)}}
    missing = [text for text in texts_of(scale) if text not in said]
    if missing:
        raise ValueError(
            f"scale {name!r} has no words in {language!r}: {len(missing)} texts are missing, such as {missing[0]!r}. "
            "Bring them in `messages`, or give the whole wording in `scales`"
        )
    labels = {value: said[text] for value, text in scale.labels.items()}
    return scale.model_copy(update={"title": said[scale.title], "question": said[scale.question], "labels": labels})
