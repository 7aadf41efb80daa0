"""Transformer language model of plain tokens: nothing beside them, no sound. B batch, T tokens, V vocabulary.

What `ModelConfig(beside="nothing")` is without posterior, decoder and mel, for tokens that are no frames of speech.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import Config, Size, TransformerConfig
from undertone.engine.network.layers.transformer import Transformer

PADDING = -1  # a target that is not scored


class TokenLMConfig(Config):
    """Sizes of a language model of tokens."""

    vocabulary: Size
    transformer: TransformerConfig


class TokenLM(nn.Module):
    """Embedding, causal transformer and a linear head; an input of zeros stands before the first token."""

    def __init__(self, config: TokenLMConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.transformer.dim
        self.embedding = nn.Embedding(config.vocabulary, dim)
        self.transformer = Transformer(dim, config.transformer)
        self.head = nn.Linear(dim, config.vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits of every token given those before it, [B, T, V] from int64 [B, T]."""
        embedded = self.embedding(tokens[:, :-1])
        before_first = torch.zeros_like(self.embedding.weight[:1]).expand(len(tokens), 1, -1)
        logits: Tensor = self.head(self.transformer(torch.cat([before_first, embedded], dim=1)))
        return logits

    def nats(self, tokens: Tensor) -> Tensor:
        """Return -log P of every token given those before it, [B, T]; 0 where a token is PADDING.

        Args:
            tokens: int64 [B, T], PADDING at the ends of rows only.
        """
        logits = self(tokens.clamp(min=0))
        return F.cross_entropy(logits.transpose(1, 2), tokens, ignore_index=PADDING, reduction="none")
