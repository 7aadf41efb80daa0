"""Prompts that visitors share with a link to a take: kept for a while, found by names that nobody can guess.

Whoever shared a prompt has a key, from which its name follows and not the other way round: the link has the name, and
only the key withdraws the prompt.
"""

import hashlib
import re
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from undertone.engine.audio.wav import SAMPLE_BYTES
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.errors import UndertoneError
from undertone.engine.files.atomic_files import whole_file

KEPT_DAYS = 30
LONGEST_SECONDS = 60  # of a prompt
MOST_BYTES = 1_000_000_000  # of all together
DAY_SECONDS = 86_400
_WORD = re.compile(r"[A-Za-z0-9_-]{32}")
_ENDING = ".f32"


class PromptSharing(Protocol):
    """The requests of a page for prompts that go with links, whichever process keeps them."""

    def share_prompt(self, samples: bytes) -> str:
        """Keep a prompt, little-endian float32 at 16 kHz; return the key that withdraws it. Raises UndertoneError."""
        ...

    def fetch_prompt(self, name: str) -> bytes | None:
        """Return the samples of a shared prompt; None where it is not there, or not any more."""
        ...

    def withdraw_prompt(self, key: str) -> bool:
        """Delete the prompt that was shared with this key; return whether it was there."""
        ...


def prompt_name(key: str) -> str:
    """Return the name under which the prompt of a key is found."""
    return urlsafe_b64encode(hashlib.sha256(f"undertone prompt {key}".encode()).digest()[:24]).decode()


def is_word(value: object) -> bool:
    """Return whether a value from outside can be a key or a name."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


@dataclass
class SharedPrompts:
    """The prompts of a site, in a folder of their own; bounded in bytes, each for `KEPT_DAYS`.

    Attributes:
        most_bytes: beyond them nothing more is taken: a prompt that is there stays for its days.
        clock: seconds since 1970.
    """

    folder: Path
    most_bytes: int = MOST_BYTES
    clock: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def share_prompt(self, samples: bytes) -> str:
        """Keep a prompt; see `PromptSharing`."""
        count = len(samples) // SAMPLE_BYTES
        if len(samples) % SAMPLE_BYTES or not 0 < count <= LONGEST_SECONDS * SAMPLE_RATE_HZ:
            raise UndertoneError(f"a prompt of up to {LONGEST_SECONDS} s can be shared.")
        key = secrets.token_urlsafe(24)
        with self._lock:
            if self._sweep() + len(samples) > self.most_bytes:
                raise UndertoneError("there is no room for more shared prompts now. Share the settings alone.")
            with whole_file(self._path(prompt_name(key))) as unfinished:
                unfinished.write_bytes(samples)
        return key

    def fetch_prompt(self, name: str) -> bytes | None:
        """Return the samples of a shared prompt; see `PromptSharing`."""
        if not is_word(name):
            return None
        with self._lock:
            path = self._path(name)
            return path.read_bytes() if self._is_kept(path) else None

    def withdraw_prompt(self, key: str) -> bool:
        """Delete a prompt; see `PromptSharing`."""
        if not is_word(key):
            return False
        with self._lock:
            path = self._path(prompt_name(key))
            was_kept = self._is_kept(path)
            path.unlink(missing_ok=True)
        return was_kept

    def sweep(self) -> None:
        """Delete the prompts whose days are over."""
        with self._lock:
            self._sweep()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_ENDING}"

    def _is_kept(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime > self.clock() - KEPT_DAYS * DAY_SECONDS
        except FileNotFoundError:
            return False

    def _sweep(self) -> int:
        """Delete what is over and return the bytes of what stays."""
        total = 0
        for path in self.folder.glob(f"*{_ENDING}"):
            if self._is_kept(path):
                total += path.stat().st_size
            else:
                path.unlink(missing_ok=True)
        return total
