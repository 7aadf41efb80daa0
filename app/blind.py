"""A blind comparison of two sounds: the order is drawn at random and stays on the server until a choice is made."""

import random
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Choice = Literal["X", "Y", "none"]


@dataclass(frozen=True)
class BlindPair:
    """Two sounds under the names X and Y.

    Attributes:
        names: of what plays as X and as Y.
        paths: their sound files, named without a clue.
    """

    names: tuple[str, str]
    paths: tuple[Path, Path]

    @classmethod
    def draw(cls, folder: Path, first: tuple[str, Path], second: tuple[str, Path]) -> "BlindPair":
        """Shuffle two sounds, given as (name, wav path), and copy them to files that tell nothing."""
        pair = [first, second]
        random.SystemRandom().shuffle(pair)
        target = folder / f"blind-{secrets.token_hex(4)}"
        target.mkdir(parents=True)
        copies = target / "x.wav", target / "y.wav"
        for (_, source), copy in zip(pair, copies, strict=True):
            shutil.copyfile(source, copy)
        return cls((pair[0][0], pair[1][0]), copies)

    def reveal(self, choice: Choice) -> str:
        """One sentence that says which was which and what was chosen."""
        x, y = self.names
        which = f"X was {x}, Y was {y}."
        if choice == "none":
            return f"You heard no difference. {which}"
        return f"You preferred {choice}: {x if choice == 'X' else y}. {which}"
