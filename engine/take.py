"""A take: one continuation with everything needed to make it again, as a wav and a JSON file."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from engine.checked import checked
from engine.config import Config
from engine.errors import SettingsError
from engine.sampling import Sampling
from engine.speech import Speech

ENGINE_VERSION = 1  # counts up when the same settings no longer give the same samples
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
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        wav, settings = folder / f"{stem}.wav", folder / f"{stem}.json"
        wav.write_bytes(wav_bytes(self.audio))
        settings.write_text(self.settings.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return wav, settings


def wav_bytes(waveform: Tensor, sample_rate_hz: int = 16_000) -> bytes:
    """Return [samples] as the bytes of a 32-bit float wav file.

    Written here because libsndfile puts the time of writing into a float wav: the same samples, other bytes.
    """
    data = waveform.detach().to("cpu", torch.float32).contiguous().numpy().astype("<f4").tobytes()
    frame_bytes = 4
    fields = (3, 1, sample_rate_hz, sample_rate_hz * frame_bytes, frame_bytes, 32, 0)  # 3: IEEE float; 1 channel
    form = b"fmt " + struct.pack("<IHHIIHHH", 18, *fields)
    fact = b"fact" + struct.pack("<II", 4, waveform.numel())
    body = b"WAVE" + form + fact + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body
