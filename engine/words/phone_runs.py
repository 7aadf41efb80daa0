"""Tokens whose units are parts of phones, as runs: which phone, from which frame to which. T frames at 50 Hz."""

from collections.abc import Sequence
from dataclasses import dataclass

from undertone.engine.tokenizers import PARTS_OF_PHONE

SILENCE = 0  # the phone that stands first in the units of every phonetic tokenizer


@dataclass(frozen=True)
class PhoneRun:
    """Frames that belong to one phone."""

    phone: int  # index among the tokenizer's phones, silence first
    start: int  # first frame
    end: int  # the frame behind the last

    @property
    def num_frames(self) -> int:
        """Return the length in frames."""
        return self.end - self.start


def phone_runs(tokens: Sequence[int]) -> list[PhoneRun]:
    """Return the phones of units [T], in order and without gaps.

    A phone that begins anew without another between, its end followed by its beginning, is two runs; silence is one.
    """
    runs: list[PhoneRun] = []
    before = -1
    for frame, unit in enumerate(tokens):
        phone, part = divmod(int(unit), PARTS_OF_PHONE)
        again = phone != SILENCE and part == 0 and before % PARTS_OF_PHONE == PARTS_OF_PHONE - 1
        if runs and runs[-1].phone == phone and not again:
            runs[-1] = PhoneRun(phone, runs[-1].start, frame + 1)
        else:
            runs.append(PhoneRun(phone, frame, frame + 1))
        before = int(unit)
    return runs
