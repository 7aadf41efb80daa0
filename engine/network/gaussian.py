"""Diagonal Gaussians over latents and the posterior encoder. B batch, T frames, Z latent dims, M mel bins."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.config import ModelConfig
from engine.network.layers import full_precision
from engine.network.stack import ConvStack

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
        """Log density per dimension, [B, T, Z]."""
        return -self.logstd - HALF_LOG_TWO_PI - 0.5 * torch.exp(-2 * self.logstd) * (x - self.mean).square()

    def negative_entropy(self) -> Tensor:
        """Expected log density under itself per dimension, [B, T, Z]."""
        return -self.logstd - 0.5 - HALF_LOG_TWO_PI


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


class PosteriorEncoder(nn.Module):
    """q(z | mel): causal convolutions to a Z-dimensional bottleneck, then the Gaussian head (spec section 3.1).

    Mean and log-std both read the masked Z-dimensional bottleneck; at padding they are the head's biases.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        encoder = config.encoder
        self.stack = ConvStack(
            in_dim=config.mel.num_mels,
            channels=encoder.channels,
            out_dim=config.latent_dim,
            hidden_channels=encoder.hidden_channels,
            kernel_size=encoder.kernel_size,
            activation=F.relu,
            norm_eps=encoder.norm_eps,
        )
        self.head = GaussianHead(config.latent_dim, config.latent_dim)

    def forward(self, mel: Tensor, mask: Tensor | None = None) -> Gaussian:
        """Normalised mel [B, T, M] to the posterior of every frame."""
        return self.head(self.stack(mel.to(self.stack.input.weight.dtype), mask))
