"""A take: one continuation with everything needed to make it again, as a wav and a JSON file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from engine.checked import checked
from engine.config import Config
from engine.errors import SettingsError
from engine.sampling import Sampling
from engine.saved import ENGINE_VERSION, save_sound
from engine.speech import Speech

MAX_SEED = 2**31 - 1
MAX_TAKES = 16

Ended = Literal["learned", "voice", "limit"]


class TakeSettings(Config):
    """What made a take: the JSON beside the wav."""

    format_version: Literal[1] = 1
    engine_version: int = ENGINE_VERSION
    torch_version: str
    device: str  # "cpu" or the GPU's name
    dtype: str  # of the transformer
    threads: Annotated[int, Field(ge=1, le=1024)]
    bundle_name: str
    bundle_sha256: str
    prompt_sha256: str  # of the 16 kHz prompt samples
    frames_sha256: str  # of the prompt's tokens, latents and utterance embedding
    prompt_start_seconds: float
    prompt_end_seconds: float | None
    prompt_frames: int
    seconds: float  # of continuation at most
    sampling: Sampling
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]  # of the first take of the batch; take i has seed + i
    num_takes: Annotated[int, Field(ge=1, le=MAX_TAKES)]  # drawn together: sums are rounded differently in other sizes
    index: Annotated[int, Field(ge=0)]  # of this take in the batch

    @classmethod
    def read(cls, source: str | Path) -> "TakeSettings":
        """Settings from a JSON file.

        Raises:
            SettingsError: naming the file and the key.
        """
        path = Path(source)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path} cannot be read as settings of a take: {error}.") from error
        if not isinstance(values, dict):
            raise SettingsError(f"{path} holds a {type(values).__name__}; expected the settings of a take.")
        return checked(cls, values, str(path), SettingsError, complete=True)


@dataclass(frozen=True, eq=False)
class Take:
    """A prompt, re-synthesised, and its continuation."""

    speech: Speech  # tokens, latents, mel and audio of both
    prompt_frames: int
    ended: Ended  # by its own end token, where its voice ended, or at the limit of seconds
    settings: TakeSettings

    @property
    def audio(self) -> Tensor:
        """Prompt and continuation, float32 [samples]."""
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

    def save(self, folder: str | Path, stem: str) -> tuple[Path, Path]:
        """Write `stem`.wav (float32, lossless) and `stem`.json; returns both paths."""
        return save_sound(self.audio, self.settings, folder, stem)
