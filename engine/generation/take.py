"""A take: one continuation with everything needed to make it again, as a wav and a JSON file."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from undertone.engine.generation.saved_sound import save_sound
from undertone.engine.generation.speech import Speech
from undertone.engine.generation.take_settings import TakeSettings

Ended = Literal["learned", "voice", "limit"]


@dataclass(frozen=True, eq=False)
class Take:
    """A prompt, re-synthesised, and its continuation."""

    speech: Speech  # tokens, latents, mel and audio of both
    prompt_frames: int
    ended: Ended  # by its own end token, where its voice ended, or at the limit of seconds
    settings: TakeSettings

    @property
    def audio(self) -> Tensor:
        """Return prompt and continuation, float32 [samples]."""
        return self.speech.audio

    @property
    def prompt_samples(self) -> int:
        """Return the sample of `audio` at which the continuation begins."""
        return self.audio.numel() // self.speech.num_frames * self.prompt_frames

    @property
    def prompt_audio(self) -> Tensor:
        """Return the prompt as the model says it."""
        return self.audio[: self.prompt_samples]

    @property
    def continuation_audio(self) -> Tensor:
        """Return what the model says after the prompt."""
        return self.audio[self.prompt_samples :]

    def with_settings(self, **changes: Any) -> "Take":
        """Return the same take, whose settings say something more of what made it."""
        return replace(self, settings=self.settings.model_copy(update=changes))

    def save(self, folder: str | Path, stem: str) -> tuple[Path, Path]:
        """Write `stem`.wav (float32, lossless) and `stem`.json; returns both paths."""
        return save_sound(self.audio, self.settings, folder, stem)
