"""Log-mel spectrogram at 50 Hz, numerically the published one (spec section 1.1). B batch, T frames, M mel bins."""

import torch
import torchaudio
from torch import Tensor, nn

from undertone.engine.config import MelConfig


class LogMel(nn.Module):
    """Waveform to natural-log mel."""

    window: Tensor
    filterbank: Tensor

    def __init__(self, config: MelConfig = MelConfig()) -> None:
        super().__init__()
        self.config = config
        filterbank = torchaudio.functional.melscale_fbanks(
            n_freqs=config.n_fft // 2 + 1,
            f_min=config.min_hz,
            f_max=config.max_hz,
            n_mels=config.num_mels,
            sample_rate=config.sample_rate_hz,
            norm=None,
            mel_scale="htk",
        )
        self.register_buffer("window", torch.hann_window(config.window_samples), persistent=False)
        self.register_buffer("filterbank", filterbank, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the natural-log mel of a waveform.

        Args:
            waveform: float32 [..., samples] at the configured rate, more than n_fft // 2 samples.
        Returns:
            [..., T, M] with T = ceil(samples / hop).
        """
        config = self.config
        spectrum = torch.stft(
            waveform.reshape(-1, waveform.shape[-1]),
            n_fft=config.n_fft,
            hop_length=config.hop_samples,
            win_length=config.window_samples,
            window=self.window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        mel = spectrum.abs().transpose(1, 2) @ self.filterbank
        log_mel = mel.clamp_min(config.floor).log()
        return log_mel.reshape(*waveform.shape[:-1], *log_mel.shape[1:])


def normalise(log_mel: Tensor, config: MelConfig) -> Tensor:
    """Return a natural-log mel [..., M] in the network's units."""
    return (log_mel - config.mean) / config.std


def denormalise(mel: Tensor, config: MelConfig) -> Tensor:
    """Return a mel [..., M] in the network's units as natural-log mel."""
    return mel * config.std + config.mean
