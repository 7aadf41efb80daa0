"""What the transformer predicts of a frame: token logits and the latents' base distribution (spec section 3.5)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import ModelConfig
from undertone.engine.network.codes import DepthTransformer
from undertone.engine.network.gaussian import Gaussian, GaussianHead, certain


@dataclass(frozen=True)
class Prior:
    """Prediction for every frame; of token and latents, independent given the hidden state but for a joint head."""

    logits: Tensor  # [B, T, V'] float32, V' = token ids
    base: Gaussian  # over the flow's base space, or all on what is predicted beside a token, [B, T, Z]
    condition: Tensor  # [B, T, D], condition of the flow, or the hidden state

    def last(self) -> "Prior":
        """Return the prediction for the last frame alone, T = 1."""
        base = Gaussian(self.base.mean[:, -1:], self.base.logstd[:, -1:])
        return Prior(self.logits[:, -1:], base, self.condition[:, -1:])

    @property
    def mean(self) -> Tensor:
        """Return the mean of the base distribution, [B, T, Z]."""
        return self.base.mean

    @property
    def logstd(self) -> Tensor:
        """Return the log standard deviation of the base distribution, [B, T, Z]."""
        return self.base.logstd


class PriorHead(nn.Module):
    """Hidden layers on the transformer's output: one for the token, and one for the latents where there are some.

    With a joint head the latents' layer also reads the frame's own token. A pitch is predicted by one linear map, as
    published (spec section 7), and drawn as it is predicted. Codes are left to a depth transformer.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.transformer.dim
        self.config = config
        self.token_hidden = nn.Linear(dim, dim)
        self.token_logits = nn.Linear(dim, config.num_token_ids)
        if config.has_latents:
            self.latent_hidden = nn.Linear(dim, dim)
            self.base = GaussianHead(dim, config.latent_dim)
            if config.joint_head:
                self.token_condition = nn.Embedding(config.num_token_ids, dim)
        elif config.beside == "pitch":
            self.pitch = nn.Linear(dim, config.latent_dim)
        elif config.beside == "codes":
            self.depth = DepthTransformer(config)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the token logits of every frame, float32 [B, T, V'], from the hidden states [B, T, D]."""
        return self.token_logits(F.relu(self.token_hidden(hidden))).float()

    def forward(self, hidden: Tensor, tokens: Tensor | None = None, logits: Tensor | None = None) -> Prior:
        """Return the prior of every frame.

        Args:
            hidden: [B, T, D].
            tokens: of the same frames, int64 [B, T], which a joint head needs.
            logits: of the same hidden states, where they are there already.
        Raises:
            ValueError: a joint head without tokens.
        """
        if logits is None:
            logits = self.logits(hidden)
        if self.config.has_latents:
            condition = F.relu(self._latent_hidden(hidden, tokens))
            return Prior(logits, self.base(condition), condition)
        predicted = self.pitch(hidden) if self.config.beside == "pitch" else hidden[..., :0]
        return Prior(logits, certain(predicted), hidden)

    def _latent_hidden(self, hidden: Tensor, tokens: Tensor | None) -> Tensor:
        if not self.config.joint_head:
            return self.latent_hidden(hidden)
        if tokens is None:
            raise ValueError("a joint head predicts latents given the frame's own token, and none was given")
        return self.latent_hidden(hidden) + self.token_condition(tokens)


def standard_prior(latents: Tensor, num_token_ids: int) -> Prior:
    """Return N(0, I) and equally likely tokens, for a pass without the language model; float32 like a real prior."""
    zeros = torch.zeros_like(latents)
    logits = latents.new_zeros(*latents.shape[:2], num_token_ids)
    return Prior(logits, Gaussian(zeros, zeros), latents)
