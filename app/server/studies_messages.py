"""Messages from the playground to the process with the studies and shared prompts, checked as from outside."""

from typing import Annotated

import numpy as np
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, field_validator

from undertone.app.shared.shared_prompts import LONGEST_SECONDS as LONGEST_PROMPT_SECONDS
from undertone.engine import TakeSettings
from undertone.engine.audio.wav import SAMPLE_BYTES
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.generation.take_settings import MAX_TAKES
from undertone.studies.build.takes import TakeSound

QUICK_RATING_PATH = "/quick-rating"
DRAFT_PATH = "/draft"
SHARE_PATH, FETCH_PATH, WITHDRAW_PATH = "/share-prompt", "/fetch-prompt", "/withdraw-prompt"
LONGEST_SECONDS = 300  # of a take
LONGEST_DRAFT_SECONDS = 900  # of all takes of a draft together
MOST_BYTES = 4 * LONGEST_DRAFT_SECONDS * SAMPLE_RATE_HZ * SAMPLE_BYTES // 3 + 2_000_000  # as base64, with settings


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _checked_samples(samples: bytes, longest_seconds: int) -> bytes:
    """Return little-endian float32 samples at 16 kHz as they are. Raises ValueError for others, and too many."""
    count = len(samples) // SAMPLE_BYTES
    if len(samples) % SAMPLE_BYTES or not 0 < count <= longest_seconds * SAMPLE_RATE_HZ:
        raise ValueError(f"{len(samples)} bytes; expected whole float32 samples of {longest_seconds} s at most")
    if not np.isfinite(np.frombuffer(samples, "<f4")).all():
        raise ValueError("samples are not finite")
    return samples


class QuickRatingMessage(_Message):
    """One quick rating of a take."""

    settings: TakeSettings
    scale: Annotated[str, Field(max_length=64)]
    value: Annotated[float, Field(allow_inf_nan=False)]
    visitor: Annotated[str, Field(max_length=200)] | None = None


class DraftTake(_Message):
    """A take for a study: its settings and samples, little-endian float32 at 16 kHz."""

    settings: TakeSettings
    samples: Base64Bytes
    prompt_samples: Annotated[int, Field(ge=1)]

    @field_validator("samples")
    @classmethod
    def _are_samples(cls, samples: bytes) -> bytes:
        return _checked_samples(samples, LONGEST_SECONDS)

    @property
    def sound(self) -> TakeSound:
        return TakeSound(self.settings, self.samples, min(self.prompt_samples, len(self.samples) // SAMPLE_BYTES))


class DraftStudy(_Message):
    """Takes that an admin wants as a draft study; the ticket stands for the admin's sign-in."""

    name: Annotated[str, Field(max_length=200)]
    ticket: Annotated[str, Field(max_length=8000)]
    takes: Annotated[list[DraftTake], Field(max_length=MAX_TAKES)]


class Refusal(_Message):
    """Refusal with its reason, in words for the visitor."""

    text: str
    sign_in: bool = False


class DraftCreated(_Message):
    """The name of the study that was made."""

    name: str


class PromptMessage(_Message):
    """A prompt that a visitor shares, or that was shared: samples, little-endian float32 at 16 kHz."""

    samples: Base64Bytes

    @field_validator("samples")
    @classmethod
    def _are_samples(cls, samples: bytes) -> bytes:
        return _checked_samples(samples, LONGEST_PROMPT_SECONDS)


class PromptWord(_Message):
    """The name of a shared prompt, or the key that withdraws it."""

    word: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{32}$")]


class Withdrawn(_Message):
    """Whether a shared prompt was there and is deleted now."""

    was_kept: bool
