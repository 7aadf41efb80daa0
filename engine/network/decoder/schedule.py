"""Cosine noise schedule of the diffusion decoder, float64 inside and float32 as published (spec section 3.8)."""

import numpy as np
import torch

from undertone.engine.config import DecoderConfig
from undertone.engine.network.layers.basic import FixedTables


def cosine_alphas_cumprod(config: DecoderConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return betas and cumulative products of 1 - beta, float64 [timesteps] (arXiv 2102.09672, section 3.2)."""
    steps = np.linspace(0, config.timesteps, config.timesteps + 1) / config.timesteps
    curve = np.cos((steps + config.cosine_offset) / (1 + config.cosine_offset) * np.pi / 2) ** 2
    curve = curve / curve[0]
    betas = np.clip(1 - curve[1:] / curve[:-1], 0, config.max_beta)
    return betas, np.cumprod(1 - betas)


class Schedule(FixedTables):
    """Per-timestep factors, [timesteps] each.

    x_t = signal x0 + noise eps; x0 = recip x_t - recip_minus_one eps; the posterior mean of an ancestral step is
    posterior_x0 x0 + posterior_xt x_t, its log variance posterior_log_variance.
    """

    alphas_cumprod: torch.Tensor
    signal: torch.Tensor
    noise: torch.Tensor
    recip: torch.Tensor
    recip_minus_one: torch.Tensor
    posterior_x0: torch.Tensor
    posterior_xt: torch.Tensor
    posterior_log_variance: torch.Tensor

    def __init__(self, config: DecoderConfig) -> None:
        betas, alphas_cumprod = cosine_alphas_cumprod(config)
        previous = np.concatenate([[1.0], alphas_cumprod[:-1]])
        variance = betas * (1 - previous) / (1 - alphas_cumprod)
        super().__init__(
            alphas_cumprod=alphas_cumprod,
            signal=np.sqrt(alphas_cumprod),
            noise=np.sqrt(1 - alphas_cumprod),
            recip=np.sqrt(1 / alphas_cumprod),
            recip_minus_one=np.sqrt(1 / alphas_cumprod - 1),
            posterior_x0=betas * np.sqrt(previous) / (1 - alphas_cumprod),
            posterior_xt=(1 - previous) * np.sqrt(1 - betas) / (1 - alphas_cumprod),
            posterior_log_variance=np.log(np.clip(variance, 1e-20, None)),
        )

    def at(self, name: str, t: int) -> float:
        """Return one entry of a table as a Python number, rounded to float32, without touching the device."""
        return float(np.float32(self.arrays[name][t]))
