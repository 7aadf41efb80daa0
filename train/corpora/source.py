"""One recording as a corpus lists it."""

import hashlib
from dataclasses import dataclass

from engine.errors import UndertoneError


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


def held_out(name: str, one_in: int) -> bool:
    """Whether this name is among the held-out ones: one in so many, the same ones at every call."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest()) % one_in == 0
