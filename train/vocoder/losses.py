"""Losses of the vocoder on waveforms [B, samples] at 16 kHz: spectral, mel, and adversarial (LSGAN)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from undertone.engine.audio.mel import LogMel
from undertone.engine.config import MelConfig


def magnitude(waveform: Tensor, n_fft: int, hop_samples: int, window: Tensor) -> Tensor:
    """Return the magnitude spectrogram [B, K, frames]; the small offset keeps the gradient finite in silence."""
    spectrum = torch.stft(waveform, n_fft, hop_samples, window=window, center=True, return_complex=True)
    return torch.view_as_real(spectrum).square().sum(-1).add(1e-9).sqrt()


class SpectralLoss(nn.Module):
    """Spectral convergence and log-magnitude L1 at several resolutions (arXiv 1910.11480), averaged over them."""

    def __init__(self, n_ffts: Sequence[int] = (2048, 1024, 512, 256, 128)) -> None:
        super().__init__()
        self.n_ffts = tuple(n_ffts)
        for n_fft in self.n_ffts:
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def forward(self, generated: Tensor, target: Tensor) -> Tensor:
        """Return the distance of two batches of waveforms [B, samples], a scalar."""
        total = generated.new_zeros(())
        for n_fft in self.n_ffts:
            window = self.get_buffer(f"window_{n_fft}")
            made, real = (magnitude(waveform, n_fft, n_fft // 4, window) for waveform in (generated, target))
            convergence = (made - real).square().sum().add(1e-12).sqrt() / real.square().sum().sqrt().clamp_min(1e-3)
            # The floor of about -60 dB below speech keeps digital silence from ruling the loss.
            log_distance = (made.clamp_min(1e-3).log() - real.clamp_min(1e-3).log()).abs().mean()
            total = total + convergence + log_distance
        return total / len(self.n_ffts)


class MelLoss(nn.Module):
    """Mean absolute difference of the natural-log mels that the bundle itself uses."""

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.log_mel = LogMel(config)

    def forward(self, generated: Tensor, target: Tensor) -> Tensor:
        """Return the distance of two batches of waveforms [B, samples], a scalar."""
        return (self.log_mel(generated) - self.log_mel(target)).abs().mean()


def discriminator_loss(real: Sequence[Tensor], generated: Sequence[Tensor]) -> Tensor:
    """Return LSGAN's loss: scores of real audio go to 1, of generated audio to 0; the mean over the discriminators."""
    losses = [(1 - r.float()).square().mean() + g.float().square().mean() for r, g in zip(real, generated, strict=True)]
    return torch.stack(losses).mean()


def adversarial_loss(generated: Sequence[Tensor]) -> Tensor:
    """Return LSGAN's loss of the generator; the mean over the discriminators."""
    return torch.stack([(1 - score.float()).square().mean() for score in generated]).mean()


def feature_matching_loss(real: Sequence[Sequence[Tensor]], generated: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return L1 of the discriminators' hidden layers, relative to the real ones' size; the mean over all layers.

    Relative, so that its weight does not depend on the width or the age of the discriminators.
    """
    losses = [
        (r.detach().float() - g.float()).abs().mean() / r.detach().float().abs().mean().clamp_min(1e-4)
        for real_layers, generated_layers in zip(real, generated, strict=True)
        for r, g in zip(real_layers, generated_layers, strict=True)
    ]
    return torch.stack(losses).mean()


def log_spectral_distance(generated: Tensor, real: Tensor, n_fft: int = 1024) -> Tensor:
    """Return the level difference in dB: root mean square over bins, mean over frames; floor 60 dB under the peak."""
    window = torch.hann_window(n_fft, device=real.device)
    made, true = (magnitude(waveform, n_fft, n_fft // 4, window) for waveform in (generated, real))
    floor = true.max() * 1e-3
    difference = 20 * (made.clamp_min(floor).log10() - true.clamp_min(floor).log10())
    return difference.square().mean(1).sqrt().mean()
