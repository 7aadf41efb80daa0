"""Who is speaking: the speaker encoder whose weights the Resemblyzer package carries (GE2E, arXiv 1710.10467).

Only the weights file of the package is used: its Python code needs webrtcvad, which has to be compiled.
P windows of 1.6 s, T frames of 10 ms, E = 256 embedding dims.
"""

import importlib.util
from functools import lru_cache
from pathlib import Path

import torch
import torchaudio
from torch import Tensor, nn

from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.studies.errors import NotInstalledError

WINDOW_SAMPLES, HOP_SAMPLES, NUM_MELS = 400, 160, 40
WINDOW_FRAMES = 160  # one embedding is made from 1.6 s ...
STEP_FRAMES = 77  # ... 1.3 times a second
MIN_COVERAGE = 0.75  # of a last window that the sound does not fill
TARGET_DBFS = -30.0  # the encoder reads mel power, not its logarithm: level matters
SPEECH_RANGE_DB = 35.0  # frames this far below the loudest are pauses, which say nothing about the speaker
INSTALL = "pip install --no-deps resemblyzer"


class SpeakerEncoder(nn.Module):
    """Network that maps a waveform to a unit vector, close to others of the same voice."""

    filterbank: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(NUM_MELS, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)
        filterbank = torchaudio.functional.melscale_fbanks(
            WINDOW_SAMPLES // 2 + 1, 0.0, SAMPLE_RATE_HZ / 2, NUM_MELS, SAMPLE_RATE_HZ, "slaney", "slaney"
        )
        self.register_buffer("filterbank", filterbank, persistent=False)

    @classmethod
    def load(cls) -> "SpeakerEncoder":
        """Return the encoder with the weights of the installed package; no network access.

        Raises:
            NotInstalledError: naming the command that installs it.
        """
        spec = importlib.util.find_spec("resemblyzer")
        folders = list(spec.submodule_search_locations or ()) if spec else []
        path = Path(folders[0]) / "pretrained.pt" if folders else Path()
        if not path.is_file():
            raise NotInstalledError(f"speaker similarity needs the weights of the package resemblyzer: `{INSTALL}`.")
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        encoder = cls()
        encoder.load_state_dict({key: value for key, value in state.items() if key.startswith(("lstm.", "linear."))})
        return encoder.eval().requires_grad_(False)

    def forward(self, mel: Tensor) -> Tensor:
        """Map mel power [P, 160, 40] to unit vectors [P, E]."""
        _, (hidden, _) = self.lstm(mel)
        return nn.functional.normalize(self.linear(hidden[-1]).relu(), dim=1)

    @torch.inference_mode()
    def embed(self, waveform: Tensor) -> Tensor:
        """Return the embedding of one voice.

        Args:
            waveform: float32 [samples] at 16 kHz.
        Returns:
            [E], of length one.
        """
        mel = self.mel(remove_pauses(waveform))
        windows = torch.stack([_window(mel, start) for start in _starts(len(mel))])
        return nn.functional.normalize(self(windows).mean(0), dim=0)

    def mel(self, waveform: Tensor) -> Tensor:
        """Return mel power [T, 40]."""
        spectrum = torch.stft(
            waveform,
            WINDOW_SAMPLES,
            HOP_SAMPLES,
            window=torch.hann_window(WINDOW_SAMPLES),
            pad_mode="constant",
            return_complex=True,
        )
        return spectrum.abs().square().T @ self.filterbank


@lru_cache(maxsize=1)
def speaker_encoder() -> SpeakerEncoder:
    """Return the encoder of this process."""
    return SpeakerEncoder.load()


def remove_pauses(waveform: Tensor) -> Tensor:
    """Return the waveform at the encoder's level, without its pauses."""
    frame = 30 * SAMPLE_RATE_HZ // 1000
    if len(waveform) < frame:
        waveform = nn.functional.pad(waveform, (0, frame - len(waveform)))
    frames = waveform[: len(waveform) // frame * frame].reshape(-1, frame)
    level_db = 10 * torch.log10(frames.square().mean(1) + 1e-12)
    # A pause shorter than about a fifth of a second stays, so that words are not glued together.
    near = nn.functional.max_pool1d((level_db > level_db.max() - SPEECH_RANGE_DB)[None].float(), 7, 1, 3)[0] > 0
    kept = frames[near].flatten()
    root_mean_square = kept.square().mean().sqrt().clamp_min(1e-6)
    return kept * 10 ** (TARGET_DBFS / 20) / root_mean_square


def _starts(num_frames: int) -> list[int]:
    """Return the first frame of each window; a last window that is mostly empty is left out."""
    starts = list(range(0, max(1, num_frames - WINDOW_FRAMES + STEP_FRAMES + 1), STEP_FRAMES))
    if len(starts) > 1 and (num_frames - starts[-1]) / WINDOW_FRAMES < MIN_COVERAGE:
        starts.pop()
    return starts


def _window(mel: Tensor, start: int) -> Tensor:
    part = mel[start : start + WINDOW_FRAMES]
    return nn.functional.pad(part, (0, 0, 0, WINDOW_FRAMES - len(part)))
