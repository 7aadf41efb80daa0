"""Diagonal Gaussians over latents and the posterior encoder. B batch, T frames, Z latent dims, M mel bins."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from undertone.engine.network.layers.basic import full_precision

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Gaussian:
    """Mean and log standard deviation of every latent, float32 [B, T, Z]."""

    mean: Tensor
    logstd: Tensor

    def sample(self, normal: Tensor, temperature: float = 1.0) -> Tensor:
        """Return mean + temperature * std * normal, [B, T, Z]."""
        return self.mean + temperature * self.logstd.exp() * normal

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density per dimension, [B, T, Z]."""
        return -self.logstd - HALF_LOG_TWO_PI - 0.5 * torch.exp(-2 * self.logstd) * (x - self.mean).square()

    def negative_entropy(self) -> Tensor:
        """Return the expected log density under itself per dimension, [B, T, Z]."""
        return -self.logstd - 0.5 - HALF_LOG_TWO_PI


def certain(values: Tensor) -> Gaussian:
    """Return the Gaussian without any spread, whose every sample is `values` [B, T, Z]; it has no density."""
    values = values.float()
    return Gaussian(values, torch.full_like(values, -torch.inf))


class GaussianHead(nn.Module):
    """Two linear maps to mean and log standard deviation, without any clamp, in float32 under autocast."""

    def __init__(self, in_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.mean = nn.Linear(in_dim, latent_dim)
        self.logstd = nn.Linear(in_dim, latent_dim)

    def forward(self, x: Tensor) -> Gaussian:
        """Return the Gaussian over Z dims that [B, T, in_dim] is mapped to."""
        with full_precision(x):
            x = x.to(self.mean.weight.dtype)
            return Gaussian(self.mean(x).float(), self.logstd(x).float())
