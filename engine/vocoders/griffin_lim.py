"""Phase reconstruction without weights: mel to linear magnitudes by pseudo-inverse, then Griffin-Lim."""

import torch
from torch import Tensor, nn

from undertone.engine.audio.mel import LogMel
from undertone.engine.config import GriffinLimConfig


class GriffinLim(nn.Module):
    """Natural-log mel to waveform; deterministic, and needs the whole utterance at once."""

    window: Tensor
    inverse_filterbank: Tensor

    def __init__(self, config: GriffinLimConfig = GriffinLimConfig()) -> None:
        super().__init__()
        self.config = config
        # The analysis window over an even FFT: the mel's 1025 points hold one zero more than its window.
        window = torch.hann_window(config.mel.window_samples)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("inverse_filterbank", torch.linalg.pinv(LogMel(config.mel).filterbank), persistent=False)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Return the waveform of a natural-log mel.

        Args:
            log_mel: [B, T, M], un-normalised.
        Returns:
            float32 [B, T * hop_samples] in [-1, 1].
        """
        magnitude = (log_mel.float().exp() @ self.inverse_filterbank).clamp_min(0).transpose(1, 2)  # [B, K, T]
        # One frame more, so that the last mel frame, which starts the last hop, has a right-hand neighbour.
        magnitude = torch.cat([magnitude, magnitude[..., -1:]], dim=-1)
        num_samples = log_mel.shape[1] * self.config.mel.hop_samples
        phase = torch.zeros_like(magnitude)
        previous = torch.zeros_like(magnitude, dtype=torch.complex64)
        for _ in range(self.config.iterations):
            rebuilt = self._analyse(self._synthesise(torch.polar(magnitude, phase), num_samples))
            phase = (rebuilt - 0.99 / 1.99 * previous).angle()  # fast Griffin-Lim, as in torchaudio
            previous = rebuilt
        return self._synthesise(torch.polar(magnitude, phase), num_samples).clamp(-1.0, 1.0)

    def _synthesise(self, spectrum: Tensor, num_samples: int) -> Tensor:
        mel = self.config.mel
        return torch.istft(spectrum, mel.window_samples, mel.hop_samples, window=self.window, length=num_samples)

    def _analyse(self, waveform: Tensor) -> Tensor:
        mel = self.config.mel
        return torch.stft(
            waveform, mel.window_samples, mel.hop_samples, window=self.window, pad_mode="constant", return_complex=True
        )
