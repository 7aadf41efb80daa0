"""A take: one continuation with everything needed to make it again, as a wav and a JSON file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from engine.speech import Speech
from engine.take_settings import ENGINE_VERSION, MAX_SEED, MAX_TAKES, TakeSettings
from engine.wav import float_wav

__all__ = ["ENGINE_VERSION", "MAX_SEED", "MAX_TAKES", "Ended", "Take", "TakeSettings", "sample_bytes", "wav_bytes"]

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
        """Prompt and continuation, float32 [samples]."""
        return self.speech.audio

    @property
    def prompt_samples(self) -> int:
        """Where in `audio` the continuation begins."""
        return self.audio.numel() // self.speech.num_frames * self.prompt_frames

    @property
    def prompt_audio(self) -> Tensor:
        """The prompt as the model says it."""
        return self.audio[: self.prompt_samples]

    @property
    def continuation_audio(self) -> Tensor:
        """What the model says after it."""
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
    """Return a 32-bit float wav file of [samples]: the same samples give the same bytes."""
    return float_wav(sample_bytes(waveform), sample_rate_hz)


def sample_bytes(waveform: Tensor) -> bytes:
    """Return [samples] as little-endian float32."""
    return waveform.detach().to("cpu", torch.float32).contiguous().numpy().astype("<f4").tobytes()
