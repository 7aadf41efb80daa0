"""Results: a rendering, and a take that goes on from an edited prompt."""

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from undertone.engine.generation.saved_sound import save_sound
from undertone.engine.generation.speech import Speech
from undertone.engine.generation.take import Take
from undertone.engine.prosody.cached_decoding import DecodedWindows
from undertone.engine.prosody.settings import ProsodySettings


@dataclass(frozen=True, eq=False)
class Rendering:
    """Resynthesis of a recording or a take with other latents."""

    speech: Speech  # tokens, edited latents, mel and audio
    settings: ProsodySettings
    decoded_frames: int  # made anew, the context of blocks included; 0 where nothing had changed
    kept: DecodedWindows = field(
        repr=False
    )  # for the next rendering of the same source: `resynthesise(..., reuse=this)`

    @property
    def audio(self) -> Tensor:
        """Return the waveform, float32 [samples]."""
        return self.speech.audio

    def save(self, folder: str | Path, stem: str) -> tuple[Path, Path]:
        """Write `stem`.wav (float32, lossless) and `stem`.json; returns both paths."""
        return save_sound(self.audio, self.settings, folder, stem)


@dataclass(frozen=True, eq=False)
class EditedTake(Take):
    """A take whose prompt was edited; its JSON has the edit and what the model went on with."""

    prosody: ProsodySettings  # of the prompt, with `continuation` set

    def save(self, folder: str | Path, stem: str) -> tuple[Path, Path]:
        """Write `stem`.wav and `stem`.json for `replay_take`; returns both paths."""
        return save_sound(self.audio, self.prosody, folder, stem)
