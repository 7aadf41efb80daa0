"""The voice that says a rung's units, with nothing of a recording but its timbre: prosody follows from the units."""

import threading
from dataclasses import dataclass, field
from io import BytesIO

import soundfile
import torch

from undertone.app.shared.context import Context
from undertone.app.shared.example_sounds import wav_url
from undertone.app.shared.prompt_clip import PromptClip
from undertone.engine import Sampling
from undertone.engine.config import FRAME_SECONDS, SAMPLE_RATE_HZ
from undertone.engine.prosody.prior_draws import draw_latents

UTTERANCE_SECONDS = 5.0


@dataclass
class LadderVoice:
    """Voice of the first example clip; what it has said once is kept, as every visitor asks for the same sentences."""

    context: Context
    _said: dict[tuple[int, ...], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def can_say(self, phones: tuple[str, ...]) -> bool:
        """Return whether the voice's units are parts of these phones, and there is a clip whose timbre it takes."""
        config = self.context.engine.bundle.config.tokenizer
        parts = getattr(config, "phone_parts", None)
        return bool(self.context.examples) and parts is not None and tuple(parts.phones) == phones

    def kept(self, units: tuple[int, ...]) -> str | None:
        """Return the sound of units that were said before, as a data URL."""
        return self._said.get(units)

    def say(self, units: tuple[int, ...]) -> str:
        """Return the sound of units, 50 a second, as the data URL of a wav; the caller has its turn of the model.

        Raises:
            UndertoneError: the example clip cannot be read, or the units are those of another voice.
        """
        engine = self.context.engine
        with self._lock:
            if units not in self._said:
                clip = PromptClip.read(str(self.context.examples[0]))
                end = min(clip.seconds, UTTERANCE_SECONDS)
                timbre = engine.analyse(clip.waveform, clip.sample_rate_hz, 0.0, end).utterance
                tokens = torch.tensor(units)
                latents = draw_latents(engine, tokens, latent_temperature=0.0)[0]
                self._said[units] = _data_url(engine.synthesise(tokens, latents, timbre, Sampling()))
            return self._said[units]

    @staticmethod
    def seconds(units: tuple[int, ...]) -> float:
        """Return how long units last."""
        return len(units) * FRAME_SECONDS


def _data_url(audio: torch.Tensor) -> str:
    buffer = BytesIO()
    soundfile.write(buffer, audio.numpy(), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return wav_url(buffer.getvalue())
