"""Where a voice ends: Silero voice activity on a growing waveform, and the cut behind the last speech (spec 5.7).

N windows of 512 samples, H = 128 state dims.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.errors import BundleError

WINDOW_SAMPLES = 512  # what Silero looks at, 32 ms
CONTEXT_SAMPLES = 64  # and what it sees of the window before
SHORT_SECONDS = 1.5  # a last segment below this is taken for a false start; published rule
TAIL_SECONDS = 0.25  # kept behind the last speech; published rule


class VoiceActivity(nn.Module):
    """The 16 kHz network of the silero-vad package with its state passed in, so that requests can share it.

    The packaged TorchScript keeps the state of one stream inside the model and takes one window per call;
    the weights are the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.encoder = nn.ModuleList(
            [
                nn.Conv1d(129, 128, 3, padding=1),
                nn.Conv1d(128, 64, 3, stride=2, padding=1),
                nn.Conv1d(64, 64, 3, stride=2, padding=1),
                nn.Conv1d(64, 128, 3, padding=1),
            ]
        )
        self.state = nn.LSTMCell(128, 128)
        self.output = nn.Conv1d(128, 1, 1)

    @classmethod
    def load(cls) -> "VoiceActivity":
        """Return the network with the weights of the installed package; no network access."""
        threads = torch.get_num_threads()
        try:
            import silero_vad
        except ImportError as error:
            raise BundleError("the package silero-vad is not installed; `make setup` installs it.") from error
        if torch.get_num_threads() != threads:  # the import sets one thread for the whole process
            torch.set_num_threads(threads)
        path = Path(silero_vad.__file__).parent / "data" / "silero_vad.jit"
        if not path.is_file():
            raise BundleError(f"{path} is missing; silero-vad 6 is needed: `make setup` installs it.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is deprecated, only its weights are used
            packaged = torch.jit.load(path, map_location="cpu").state_dict()
        names = {
            "_model.stft.forward_basis_buffer": "spectrum.weight",
            "_model.decoder.decoder.2.": "output.",
            "_model.decoder.rnn.": "state.",
            "_model.encoder.": "encoder.",
            ".reparam_conv.": ".",
        }
        weights = {}
        for name, tensor in packaged.items():
            if name.startswith("_model."):  # beside it lies "_model_8k."
                for old, new in names.items():
                    name = name.replace(old, new)
                weights[name] = tensor
        network = cls()
        network.load_state_dict(weights)
        return network.eval().requires_grad_(False)

    def forward(self, windows: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the speech probability of consecutive windows.

        Args:
            windows: [N, CONTEXT_SAMPLES + WINDOW_SAMPLES], each beginning with the end of the one before.
            state: hidden and cell [1, H], zeros at the start of a waveform.
        Returns:
            probabilities [N] and the state after the last window.
        """
        spectrum = self.spectrum(F.pad(windows.unsqueeze(1), (0, 64), mode="reflect"))
        x = (spectrum[:, :129].square() + spectrum[:, 129:].square()).sqrt()
        for layer in self.encoder:
            x = layer(x).relu()
        outputs = []
        for row in x.squeeze(-1).unsqueeze(1):  # [1, H]
            state = self.state(row, state)
            outputs.append(state[0])
        logits = self.output(torch.cat(outputs).relu().unsqueeze(-1))
        return logits.sigmoid().flatten(), state


class VoiceEnd:
    """End of the voice in one waveform that grows: up to where it is to be kept.

    Args:
        network: shared and stateless.
        keep_samples: never cut before this, for example the prompt and the shortest continuation.
    """

    def __init__(self, network: VoiceActivity, keep_samples: int) -> None:
        self.network = network
        self.keep_samples = keep_samples
        self.probabilities: list[float] = []
        self.samples = 0
        self._state = (torch.zeros(1, 128), torch.zeros(1, 128))
        self._context = torch.zeros(CONTEXT_SAMPLES)
        self._pending = torch.zeros(0)  # less than a window, waiting for more
        self._cut = 0

    def feed(self, waveform: Tensor) -> int:
        """Add [samples] on the CPU; return how many samples from the start are certain to be kept."""
        self.samples += waveform.numel()
        pending = torch.cat([self._pending, waveform])
        whole = pending.numel() // WINDOW_SAMPLES * WINDOW_SAMPLES
        self._add(pending[:whole])
        self._pending = pending[whole:]
        return self._update_cut()

    def finish(self) -> int:
        """Return where to cut the complete waveform, in samples."""
        if self._pending.numel():
            self._add(F.pad(self._pending, (0, WINDOW_SAMPLES - self._pending.numel())))
            self._pending = self._pending[:0]
        return self._update_cut()

    def _add(self, waveform: Tensor) -> None:
        if waveform.numel() == 0:
            return
        windows = torch.cat([self._context, waveform]).unfold(0, CONTEXT_SAMPLES + WINDOW_SAMPLES, WINDOW_SAMPLES)
        probabilities, self._state = self.network(windows, self._state)
        self._context = windows[-1, -CONTEXT_SAMPLES:].clone()
        self.probabilities += probabilities.tolist()

    def _update_cut(self) -> int:
        """Return the cut as heard so far; it never goes back behind what an earlier call has promised."""
        tail = round(TAIL_SECONDS * SAMPLE_RATE_HZ)
        end = min(last_speech_end(_segments(self.probabilities, self.samples)) + tail, self.samples)
        self._cut = max(self._cut, end, min(self.keep_samples, self.samples))
        return self._cut


def last_speech_end(segments: list[tuple[int, int]]) -> int:
    """Return the end of the last speech segment in samples, or of the one before where the last is a short burst.

    A single short segment is kept: the published rule fails there. Zero where there is no speech.
    """
    if not segments:
        return 0
    start, end = segments[-1]
    is_short = end - start < SHORT_SECONDS * SAMPLE_RATE_HZ
    return segments[-2][1] if is_short and len(segments) > 1 else end


def _segments(probabilities: list[float], samples: int) -> list[tuple[int, int]]:
    """Return the speech segments (start, end) in samples, by the package's own state machine."""
    from silero_vad import get_speech_timestamps_from_probs  # imported by VoiceActivity.load, which guards the threads

    found: list[dict[str, Any]] = get_speech_timestamps_from_probs(probabilities, audio_length_samples=samples)
    return [(segment["start"], segment["end"]) for segment in found]
