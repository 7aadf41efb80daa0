"""The language of the rater's pages: a catalogue of messages for each, and those that a study file brings."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

FOLDER = Path(__file__).with_name("messages")
LANGUAGES = ("en", "de", "es", "zh")  # there is a file for each
RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})
PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})  # of Unicode's CLDR
MOST_CHARACTERS = 2000

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]  # BCP 47, such as "de" or "pt-BR"
Message = Annotated[str, Field(max_length=MOST_CHARACTERS)] | dict[str, str]  # a dictionary by plural form
_PLACE = re.compile(r"\{(\w+)\}")


@cache
def catalogue(language: str) -> Mapping[str, Message]:
    """Return the messages of a built-in language by their English text; English for a language without a file."""
    base = language.partition("-")[0]
    name = base if base in LANGUAGES else "en"
    found: dict[str, Message] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def direction(language: str) -> str:
    """Return the direction in which a language is written, "ltr" or "rtl"."""
    return "rtl" if language.partition("-")[0] in RIGHT_TO_LEFT else "ltr"


def find_wrong_message(language: str, brought: Mapping[str, Message], scales: Collection[str] = ()) -> str | None:
    """Return what is wrong with the messages that a study file brings for its language; None where they can be used.

    A built-in language may be changed in part; any other one must say everything.

    Args:
        scales: texts of the ready-made scales, which may be brought too.
    """
    known = catalogue("en")
    unknown = sorted(set(brought) - set(known) - set(scales))
    if unknown:
        return f"there is no message {unknown[0]!r}; the keys are those of {FOLDER.name}/en.json, the English texts"
    missing = sorted(set(known) - set(brought))
    if language.partition("-")[0] not in LANGUAGES and missing:
        return f"language {language!r} lacks {len(missing)} of {len(known)} messages, such as {missing[0]!r}"
    for key, message in brought.items():
        if isinstance(message, dict):
            wrong = sorted(set(message) - PLURALS)
            if wrong or "other" not in message or not isinstance(known.get(key), dict):
                return f"message {key!r} has forms {sorted(message)}; expected a text, or by plural form with `other`"
        forms = message.values() if isinstance(message, dict) else (message,)
        wanted = set(_PLACE.findall(key))
        for form in forms:
            if not form.strip() or len(form) > MOST_CHARACTERS or not set(_PLACE.findall(form)) <= wanted:
                return f"message {key!r} is {form!r}; expected a text with no other places than {sorted(wanted)}"
            if wanted - {"count"} - set(_PLACE.findall(form)):
                return f"message {key!r} is {form!r}, which leaves out one of {sorted(wanted)}"
    return None


def renew_messages(language: str, brought: Mapping[str, Message], scales: Collection[str] = ()) -> dict[str, Message]:
    """Return a stored study's messages as this version's page needs them, so that a study outlives an update.

    What the page no longer says is left out. What it says only since then is in English in a brought language.

    Args:
        scales: texts of the ready-made scales, which are kept.
    """
    known = catalogue("en")
    kept = {key: message for key, message in brought.items() if key in known or key in scales}
    return kept if language.partition("-")[0] in LANGUAGES else {**known, **kept}


@dataclass(frozen=True)
class PageWords:
    """A language of the rater's page: its tag, and messages by their English text."""

    language: str = "en"
    brought: Mapping[str, Message] = field(default_factory=dict)  # by a study file, instead of the built-in ones

    @property
    def direction(self) -> str:
        return direction(self.language)

    def say(self, english: str) -> str:
        """Return a message without a number in it."""
        said = self.brought.get(english) or catalogue(self.language)[english]
        assert isinstance(said, str), english
        return said

    def for_page(self) -> dict[str, object]:
        """Return what the page needs to speak the language: its tag, direction and messages."""
        messages = {**catalogue(self.language), **self.brought}
        return {"language": self.language, "direction": self.direction, "messages": messages}
