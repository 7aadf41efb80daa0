"""Training objective: sums over batch and time, never normalised by length (spec section 4).

B batch, T frames, Z latent dims, M mel bins.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from undertone.engine.network.layers.basic import apply_mask
from undertone.engine.network.training_pass import TrainingForward


@dataclass(frozen=True)
class Losses:
    """Scalar sums over all real frames of the batch, and the number of those frames."""

    reconstruction: Tensor  # L1 of the decoder's prediction, mean over mel bins
    kl: Tensor  # mean over latent dims
    kl_per_dim: Tensor  # [Z], nats; the flow's log determinant is spread evenly over the dims
    cross_entropy: Tensor  # -ln p(token), nats
    num_frames: Tensor  # int64
    beside: Tensor | float = 0.0  # error of what is predicted beside a token where it is measured; 0 for latents


def log_densities(forward: TrainingForward) -> tuple[Tensor, Tensor]:
    """Return log p and log q of the posterior sample per dimension, [B, T, Z] each, zero at padding.

    log q is minus the analytic entropy, not evaluated at the sample.
    """
    num_dims = forward.latents.shape[-1]
    volume = forward.logdet.sum(dim=-1, keepdim=True) / num_dims
    log_p = forward.prior.base.log_prob(forward.base) + volume
    return apply_mask(log_p, forward.mask), apply_mask(forward.posterior.negative_entropy(), forward.mask)


def losses(forward: TrainingForward) -> Losses:
    """Return the loss terms of a training pass; a baseline without latents has no KL."""
    error = (forward.decoder_output - forward.decoder_target).abs().mean(dim=-1)
    per_token = F.cross_entropy(forward.prior.logits.transpose(1, 2), forward.tokens, reduction="none")
    zero = error.new_zeros(())
    kl_per_dim, beside = error.new_zeros(forward.latents.shape[-1]), zero
    if forward.variational:
        log_p, log_q = log_densities(forward)
        kl_per_dim = (log_q - log_p).sum(dim=(0, 1))
    if forward.beside_error is not None:
        beside = forward.beside_error.masked_fill(~forward.mask, 0.0).sum()
    return Losses(
        reconstruction=error.sum(),
        kl=kl_per_dim.mean() if forward.variational else zero,
        kl_per_dim=kl_per_dim,
        cross_entropy=per_token.masked_fill(~forward.mask, 0.0).sum(),
        num_frames=forward.mask.sum(),
        beside=beside,
    )


def total(terms: Losses, kl_weight: float, gamma: float = 0.5, beside_weight: float = 1.0) -> Tensor:
    """Return reconstruction + w KL + w gamma (CE + v E): the warm-up of w scales all but the first (paper, section 3).

    Args:
        terms: of one batch; E is their error beside the token, 0 for VAE-GSLM.
        kl_weight: w, 0.04 after warm-up in the published recipe.
        gamma: weight of the tokens against the latents.
        beside_weight: v, of E against the tokens; 0.5 in the published baseline with pitch (spec section 7).
    """
    loss = terms.reconstruction + kl_weight * terms.kl + kl_weight * gamma * terms.cross_entropy
    return loss + kl_weight * gamma * beside_weight * terms.beside
