"""A blind comparison of two sounds: the order is drawn at random and stays on the server until a choice is made."""

import random
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import soundfile
import torch

from undertone.app.shared.live_player import samples_text

Choice = Literal["X", "Y", "none"]


@dataclass(frozen=True)
class BlindPair:
    """Two sounds under the names X and Y.

    Attributes:
        names: of what plays as X and as Y.
        paths: their sound files, which stay on the server.
        round: tells this comparison from the one before.
    """

    names: tuple[str, str]
    paths: tuple[Path, Path]
    round: str = field(default_factory=lambda: secrets.token_hex(4))

    @classmethod
    def draw(cls, first: tuple[str, Path], second: tuple[str, Path]) -> "BlindPair":
        """Shuffle two sounds, given as name and 16-bit wav file at 16 kHz."""
        pair = [first, second]
        random.SystemRandom().shuffle(pair)
        return cls((pair[0][0], pair[1][0]), (pair[0][1], pair[1][1]))

    def value(self) -> dict[str, Any]:
        """Return what the browser is given: samples, which say neither a name nor a length to whoever listens."""
        sounds = [torch.from_numpy(soundfile.read(path, dtype="float32")[0]) for path in self.paths]
        return {"round": self.round, "sounds": [samples_text(sound) for sound in sounds]}

    def reveal(self, choice: Choice) -> str:
        """Return one sentence that says which was which and what was chosen."""
        x, y = self.names
        which = f"X was {x}, Y was {y}."
        if choice == "none":
            return f"You heard no difference. {which}"
        return f"You preferred {choice}: {x if choice == 'X' else y}. {which}"
