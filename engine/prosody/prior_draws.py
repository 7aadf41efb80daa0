"""Latents drawn anew while the tokens stay: the prior with teacher-forced tokens.

D draws as one batch, T frames, Z latent dims.
"""

import torch
from torch import Tensor

from undertone.engine.engine import Engine
from undertone.engine.errors import SettingsError
from undertone.engine.generation.sampling import Sampling
from undertone.engine.generation.speech import Speech, cpu_copy
from undertone.engine.generation.take_settings import MAX_SEED, MAX_TAKES
from undertone.engine.noise import SeededNoise
from undertone.engine.progress import CallProgress


def redraw_latents(
    engine: Engine,
    speech: Speech,
    seed: int = 0,
    latent_temperature: float = Sampling().latent_temperature,
    num_draws: int = 1,
    progress: CallProgress = CallProgress(),
) -> list[Tensor]:
    """Return other deliveries of the same tokens, as the model would draw them; see `draw_latents`."""
    return draw_latents(engine, speech.tokens, seed, latent_temperature, num_draws, progress)


@torch.inference_mode()
def draw_latents(
    engine: Engine,
    tokens: Tensor,
    seed: int = 0,
    latent_temperature: float = Sampling().latent_temperature,
    num_draws: int = 1,
    progress: CallProgress = CallProgress(),
) -> list[Tensor]:
    """Draw latents for tokens int64 [T], every frame given the tokens and the latents drawn so far, without a prompt.

    Args:
        seed: draw i has `seed + i`; the same number of draws gives the same bits.
        latent_temperature: of the prior; 0 takes its mean.
        progress: progress in frames, and a way to stop.
    Returns:
        for each draw float32 [T, Z] on the CPU.
    Raises:
        SettingsError: more draws, frames or a larger seed than there can be.
        Cancelled: the caller asked to stop.
    """
    model = engine.bundle.model
    num_frames = tokens.numel()
    if not 1 <= num_draws <= MAX_TAKES:
        raise SettingsError(f"num_draws is {num_draws}; expected 1 to {MAX_TAKES}.")
    if not 0 <= seed <= MAX_SEED - num_draws + 1:
        raise SettingsError(f"seed is {seed}; expected 0 to {MAX_SEED - num_draws + 1}.")
    if num_frames > model.config.transformer.max_positions:
        raise SettingsError(
            f"the clip has {num_frames / engine.frame_rate_hz:.2f} s; this model can draw {engine.max_seconds:g} s. "
            "Cut a shorter clip."
        )
    dtype = model.transformer.input.weight.dtype
    noise = SeededNoise(range(seed, seed + num_draws), engine.device)
    cache = model.new_cache(num_draws, num_frames, dtype=dtype)
    inputs = model.initial_state(noise, num_draws)
    drawn = []
    for frame, token in enumerate(tokens.to(engine.device)):
        progress.update(frame, num_frames)
        given = token.expand(num_draws, 1)
        prior = model.prior(model.transform(inputs.to(dtype), cache=cache).to(model.dtype), given)
        normal = noise.normal(num_draws, 1, model.config.latent_dim)
        latents = model.draw_latents(prior, normal, latent_temperature, given, noise)
        drawn.append(latents[:, 0])
        inputs = model.fuse(given, latents)
    progress.update(num_frames, num_frames)
    return [cpu_copy(draw) for draw in torch.stack(drawn, dim=1)]
