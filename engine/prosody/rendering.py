"""What comes out: a rendering, and a take that goes on from an edited prompt."""

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from engine.prosody.decoding import Kept
from engine.prosody.settings import ProsodySettings
from engine.speech import Speech
from engine.take import Take, wav_bytes


@dataclass(frozen=True, eq=False)
class Rendering:
    """A recording or a take, said again with other latents."""

    speech: Speech  # tokens, edited latents, mel and audio
    settings: ProsodySettings
    decoded_frames: int  # made anew, the context of blocks included; 0 where nothing had changed
    kept: Kept = field(repr=False)  # for the next rendering of the same source: `resynthesise(..., reuse=this)`

    @property
    def audio(self) -> Tensor:
        """Return the waveform, float32 [samples]."""
        return self.speech.audio

    def save(self, folder: str | Path, stem: str) -> tuple[Path, Path]:
        """Write `stem`.wav (float32, lossless) and `stem`.json; returns both paths."""
        return _save(self.audio, self.settings, Path(folder), stem)


@dataclass(frozen=True, eq=False)
class EditedTake(Take):
    """A take whose prompt was edited; its JSON has the edit and what the model went on with."""

    prosody: ProsodySettings  # of the prompt, with `continuation` set

    def save(self, folder: str | Path, stem: str) -> tuple[Path, Path]:
        """Write `stem`.wav and `stem`.json for `replay_take`; returns both paths."""
        return _save(self.audio, self.prosody, Path(folder), stem)


def _save(audio: Tensor, settings: ProsodySettings, folder: Path, stem: str) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    wav, text = folder / f"{stem}.wav", folder / f"{stem}.json"
    wav.write_bytes(wav_bytes(audio))
    text.write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return wav, text
