"""What one training pass draws and what it yields. B batch, T frames, Z latent dims, V' token ids, M mel bins."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from undertone.engine.config import ModelConfig
from undertone.engine.network.gaussian import Gaussian
from undertone.engine.network.prior import Prior
from undertone.engine.noise import Noise

SAMPLING_ROUNDS = 2  # in the first, draws follow recorded latents, in the second those of the first, and so drift
Part = Literal["all", "decoder", "language", "sound"]  # of the network, what a training pass computes


@dataclass(frozen=True)
class TrainingDraws:
    """Every random number of one training pass, drawn in the published order."""

    posterior: Tensor  # N(0, 1) [B, T, Z]
    initial: Tensor  # [B, 1, token_dim], the transformer's first input
    timesteps: Tensor  # int64 [B], one diffusion timestep per item
    diffusion: Tensor  # N(0, 1) [B, T, M]
    # Masks of what a training pass hides or replaces; None: nothing.
    latent_dropout_mask: Tensor | None = None  # bool [B, T], frames whose latents the transformer does not see
    scheduled_sampling_mask: Tensor | None = None  # bool [B, T], frames whose latents are drawn from the prior
    scheduled_sampling_noise: Tensor | None = None  # N(0, 1) [SAMPLING_ROUNDS, B, T, Z], for those draws
    null_condition_mask: Tensor | None = None  # bool [B], items whose decoder is given neither tokens nor latents
    drawn_latents_mask: Tensor | None = None  # bool [B], items whose decoder reads latents drawn from the prior
    drawn_latents_noise: Tensor | None = None  # N(0, t^2) [B, T, Z] for those draws, t ~ U(0, 1) of each item

    @classmethod
    def draw(
        cls,
        config: ModelConfig,
        noise: Noise,
        batch: int,
        frames: int,
        timesteps: Tensor | None = None,
        latent_dropout: float = 0.0,
        scheduled_sampling: float = 0.0,
        condition_dropout: float = 0.0,
        drawn_latents: float = 0.0,
    ) -> "TrainingDraws":
        """Draw for a batch; given timesteps are used instead of drawn ones."""
        posterior = noise.normal(batch, frames, config.latent_dim)
        initial = initial_state(config, noise, batch, posterior)
        if timesteps is None:
            timesteps = (noise.uniform(batch) * config.decoder.timesteps).long()
        diffusion = noise.normal(batch, frames, config.mel.num_mels)
        latent_dropout_mask = noise.uniform(batch, frames) < latent_dropout if latent_dropout else None
        scheduled_sampling_mask = scheduled_sampling_noise = None
        if scheduled_sampling:
            # As in a continuation: what comes before some frame is real, the rest is the model's own.
            first = noise.uniform(batch) * frames
            first = first.masked_fill(noise.uniform(batch) >= scheduled_sampling, frames)
            scheduled_sampling_mask = torch.arange(frames, device=first.device) >= first.unsqueeze(1)
            rounds = [noise.normal(batch, frames, config.latent_dim) for _ in range(SAMPLING_ROUNDS)]
            scheduled_sampling_noise = torch.stack(rounds)
        null_condition_mask = noise.uniform(batch) < condition_dropout if condition_dropout else None
        drawn_latents_mask = drawn_latents_noise = None
        if drawn_latents:
            drawn_latents_mask = noise.uniform(batch) < drawn_latents
            temperature = noise.uniform(batch, 1, 1)
            drawn_latents_noise = temperature * noise.normal(batch, frames, config.latent_dim)
        return cls(
            posterior,
            initial,
            timesteps,
            diffusion,
            latent_dropout_mask,
            scheduled_sampling_mask,
            scheduled_sampling_noise,
            null_condition_mask,
            drawn_latents_mask,
            drawn_latents_noise,
        )


def initial_state(config: ModelConfig, noise: Noise, batch: int, like: Tensor | None = None) -> Tensor:
    """Return the first transformer input [B, 1, token_dim]: U(-1, 1), or zeros without the quirk."""
    if config.quirk_random_initial_state:
        return 2 * noise.uniform(batch, 1, config.token_dim) - 1
    return torch.zeros(batch, 1, config.token_dim, device=None if like is None else like.device)


@dataclass(frozen=True)
class TrainingForward:
    """Everything that the losses and their diagnostics need."""

    mask: Tensor  # bool [B, T]
    tokens: Tensor  # int64 [B, T], those to predict
    posterior: Gaussian  # [B, T, Z]
    latents: Tensor  # posterior sample, [B, T, Z], zero at padding
    prior: Prior  # logits [B, T, V'], base Gaussian [B, T, Z]
    base: Tensor  # flow of the latents, [B, T, Z]
    logdet: Tensor  # [B, T, Z / 2], zero at padding
    decoder_target: Tensor  # the noise, or the velocity, [B, T, M], zero at padding
    decoder_output: Tensor  # its prediction, [B, T, M], zero at padding
    utterance: Tensor  # [B, S]
    # Of what is measured beside a token: absolute error of the pitch, or -ln p of the codes, [B, T], any number at
    # padding. None for latents.
    beside_error: Tensor | None = None
    variational: bool = True  # whether the latents have a posterior and a prior, and so a KL
