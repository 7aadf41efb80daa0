"""What the transformer predicts of a frame: token logits and the latents' base distribution (spec section 3.5)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import ModelConfig
from undertone.engine.network.gaussian import Gaussian, GaussianHead


@dataclass(frozen=True)
class Prior:
    """Prediction for every frame; token and latents are independent given the hidden state."""

    logits: Tensor  # [B, T, V'] float32, V' = token ids
    base: Gaussian  # over the flow's base space, [B, T, Z]
    condition: Tensor  # [B, T, D], condition of the flow

    @property
    def mean(self) -> Tensor:
        """Return the mean of the base distribution, [B, T, Z]."""
        return self.base.mean

    @property
    def logstd(self) -> Tensor:
        """Return the log standard deviation of the base distribution, [B, T, Z]."""
        return self.base.logstd


class PriorHead(nn.Module):
    """Two hidden layers on the transformer's output, one for the token and one for the latents."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.transformer.dim
        self.token_hidden = nn.Linear(dim, dim)
        self.token_logits = nn.Linear(dim, config.num_token_ids)
        self.latent_hidden = nn.Linear(dim, dim)
        self.base = GaussianHead(dim, config.latent_dim)

    def forward(self, hidden: Tensor) -> Prior:
        """Return the prior of every frame from the hidden states [B, T, D]."""
        condition = F.relu(self.latent_hidden(hidden))
        logits = self.token_logits(F.relu(self.token_hidden(hidden)))
        return Prior(logits.float(), self.base(condition), condition)


def standard_prior(latents: Tensor, num_token_ids: int) -> Prior:
    """Return N(0, I) and equally likely tokens, for a pass without the language model; float32 like a real prior."""
    zeros = torch.zeros_like(latents)
    logits = latents.new_zeros(*latents.shape[:2], num_token_ids)
    return Prior(logits, Gaussian(zeros, zeros), latents)
