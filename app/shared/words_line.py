"""Lines of words that were read from tokens: a guess, aligned in time; text to select, and words to press."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.shared.widgets import scripted_html
from undertone.engine.config import FRAME_SECONDS
from undertone.engine.words import HeardWord
from undertone.engine.words.phone_runs import SILENCE

LEAST_FIT = 0.6  # of a word that is shown as sure as this guess can be; the others are shown weaker

_TEMPLATE = """
<div class="words-lines"></div>
<p class="hint words-note" hidden>A guess, by a lexicon, from the phones of the tokens. Pale words fit badly.</p>
"""


@dataclass(frozen=True)
class WordLine:
    """A line: what it is, and its words."""

    label: str
    words: Sequence[HeardWord]


def words_line(elem_id: str) -> gr.HTML:
    """Build the widget, hidden while its value has no lines; its value is from `words_value`.

    A word that is pressed is told to the page's scripts as the event `undertone:word` {owner, start, end, text, phones,
    extend}, with times in seconds.
    """
    return scripted_html(
        _TEMPLATE,
        Path(__file__).with_name("words_line.js"),
        elem_id=elem_id,
        elem_classes="words",
    )


def words_value(
    owner: str, lines: Sequence[WordLine], phone_names: Sequence[str], chosen: bool = False
) -> dict[str, Any]:
    """Return what the browser draws.

    Args:
        owner: name under which the page's scripts know the sound.
        chosen: whether a word that was pressed stays chosen.
    """
    return {
        "owner": owner,
        "chosen": chosen,
        "lines": [
            {"label": line.label, "words": [_word(word, phone_names) for word in line.words]}
            for line in lines
            if line.words
        ],
    }


def split_words(words: Sequence[HeardWord], frame: int) -> tuple[list[HeardWord], list[HeardWord]]:
    """Return the words before a frame and those behind it, each where its middle lies."""
    before = [word for word in words if word.start + word.end <= 2 * frame]
    return before, list(words[len(before) :])


def spelt(word: HeardWord, phone_names: Sequence[str]) -> str:
    """Return a word's text; in its place its phones, between slashes, where no word fits."""
    if word.text:
        return word.text
    return f"/{' '.join(phone_names[run.phone] for run in word.phones if run.phone != SILENCE)}/"


def timed_words(words: Sequence[HeardWord], phone_names: Sequence[str]) -> list[tuple[str, float, float]]:
    """Return text, start and end in seconds of each word, for a figure."""
    return [(spelt(word, phone_names), word.start * FRAME_SECONDS, word.end * FRAME_SECONDS) for word in words]


def _word(word: HeardWord, phone_names: Sequence[str]) -> dict[str, Any]:
    return {
        "text": spelt(word, phone_names),
        "start": round(word.start * FRAME_SECONDS, 2),
        "end": round(word.end * FRAME_SECONDS, 2),
        "weak": word.fit < LEAST_FIT,
        "phones": [
            [phone_names[run.phone], round(run.start * FRAME_SECONDS, 2), round(run.end * FRAME_SECONDS, 2)]
            for run in word.phones
            if run.phone != SILENCE
        ],
    }
