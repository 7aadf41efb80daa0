"""A linear readout of pitch from latents: an auxiliary loss that makes the latents carry intonation.

On little data the diffusion loss alone spends the latents on energy and timbre for many thousands of steps before it
finds the harmonics, because they are a small part of a mel spectrogram. Asking that log F0 and voicing can be read
from the latents by one linear layer puts them there in a few hundred steps; the decoder then learns to use them.

B batch, T frames, Z latent dims.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOG_HZ_MEAN, LOG_HZ_STD = 4.95, 0.4  # of voiced frames of read speech, men and women: about 140 Hz


@dataclass(frozen=True)
class PitchLosses:
    """Losses of the readout: means over the measured frames."""

    log_f0: Tensor  # squared error in standard deviations of log F0, over voiced frames
    voicing: Tensor  # binary cross-entropy, nats

    @property
    def loss(self) -> Tensor:
        """Return the loss of the readout."""
        return self.log_f0 + 0.5 * self.voicing


class PitchReadout(nn.Linear):
    """Linear layer from latents [B, T, Z] to standardised log F0 and the logit of voicing."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, 2)

    def forward(self, latents: Tensor, hz: Tensor, mask: Tensor) -> PitchLosses:  # type: ignore[override]
        """Compare with the measured F0.

        Args:
            latents: posterior samples [B, T, Z].
            hz: [B, T], 0 where unvoiced, NaN where not measured.
            mask: bool [B, T], the real frames.
        """
        log_f0, voicing = super().forward(latents.float()).unbind(-1)
        known = mask & ~hz.isnan()
        voiced = known & (hz > 0)
        target = (hz.clamp_min(1.0).log() - LOG_HZ_MEAN) / LOG_HZ_STD
        error = torch.where(voiced, log_f0 - target, 0.0).square().sum() / voiced.sum().clamp_min(1)
        entropy = F.binary_cross_entropy_with_logits(voicing, voiced.float(), reduction="none")
        return PitchLosses(error, torch.where(known, entropy, 0.0).sum() / known.sum().clamp_min(1))
