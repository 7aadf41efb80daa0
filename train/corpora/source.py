"""A recording as a corpus lists it, and notes of the listing."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from undertone.engine import UndertoneError

HELD_OUT_CLIPS = 20  # one in so many clips of a corpus that names no splits is dev
SPLIT_NAMES = {
    "train": ("train", "training", "tr"),
    "dev": ("dev", "development", "val", "valid", "validation", "cv"),
    "test": ("test", "testing", "tt", "eval", "evaluation"),
}
_SPLIT_OF = {name: split for split, names in SPLIT_NAMES.items() for name in names}


class CorpusError(UndertoneError):
    """A corpus folder or manifest that cannot be used."""


@dataclass(frozen=True)
class Source:
    """A recording, or a part of one, and what is known about it."""

    clip_id: str
    path: str
    speaker: str
    split: str
    transcript: str
    start_seconds: float = 0.0
    seconds: float | None = None  # None: to the end


@dataclass
class Notes:
    """Notes of the listing of a corpus, for the report of `prepare`.

    Attributes:
        layout: the layout that was read.
        guessed: whether it was chosen by what lies in the folder.
        sign: what that was.
        ignored: files that were not read, by what they are.
        without_split: recordings that the corpus gives no split, so that one in HELD_OUT_CLIPS became dev.
        recoded: text files that are not UTF-8, by the encoding that they were read in.
        encoding: that of text files which are no Unicode, as it was given or told; "" until one is met.
        encoding_told: whether it was told from the files.
        encodings_that_fit: others in which they are text as well.
    """

    layout: str = ""
    guessed: bool = False
    sign: str = ""
    ignored: Counter[str] = field(default_factory=Counter)
    without_split: int = 0
    recoded: Counter[str] = field(default_factory=Counter)
    encoding: str = ""
    encoding_told: bool = False
    encodings_that_fit: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return the notes as plain values."""
        return {
            "layout": self.layout,
            "layout_guessed": self.guessed,
            "layout_sign": self.sign,
            "ignored": dict(self.ignored.most_common()),
            "without_split": self.without_split,
            "recoded": dict(self.recoded.most_common()),
            "encodings_that_fit": list(self.encodings_that_fit),
        }

    def split(self, clip_id: str, named: str | None) -> str:
        """Return the split of a recording: as it is named, else held out by its id, which is counted."""
        if named:
            return split_name(named) or named
        self.without_split += 1
        return "dev" if is_held_out(clip_id, HELD_OUT_CLIPS) else "train"


def name_hash(name: str, num_bytes: int = 6) -> int:
    """Return a number that a name has on every machine."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=num_bytes).digest())


def is_held_out(name: str, one_in: int) -> bool:
    """Return whether this name is among the held-out ones: one in so many, the same ones at every call."""
    return name_hash(name) % one_in == 0


def split_name(name: str) -> str | None:
    """Return "train", "dev" or "test" for the names that corpora give to splits; None for any other."""
    return _SPLIT_OF.get(name.strip().lower())


def first_split(names: Iterable[str]) -> str | None:
    """Return the split that the first of these names means which means any; None where none does."""
    return next((split for name in names if (split := split_name(name))), None)
