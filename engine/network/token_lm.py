"""Transformer language model of plain tokens: nothing beside them, no sound. B batch, T tokens, V vocabulary.

What `ModelConfig(beside="nothing")` is without posterior, decoder and mel, for tokens that are no frames of speech.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import Config, Size, TransformerConfig
from undertone.engine.network.layers.cache import KeyValueCache
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
        return token_nats(self(tokens.clamp(min=0)), tokens)

    @torch.no_grad()
    def nats_of_layers(self, tokens: Tensor) -> list[Tensor]:
        """Return what `nats` would be if the transformer ended behind each of its layers, [B, T] each.

        The final norm and the head read every layer's output as they read the last one's.
        """
        outputs: list[Tensor] = []
        handles = [
            layer.register_forward_hook(lambda *call: outputs.append(call[2])) for layer in self.transformer.layers
        ]
        try:
            self(tokens.clamp(min=0))
        finally:
            for handle in handles:
                handle.remove()
        return [token_nats(self.head(self.transformer.norm(output)), tokens) for output in outputs]

    @torch.no_grad()
    def go_on(self, prompt: Tensor, num_tokens: int, choose: Callable[[Tensor], Tensor]) -> Tensor:
        """Return tokens behind a prompt, int64 [B, num_tokens].

        Args:
            prompt: int64 [B, T], one of T tokens for every row.
            choose: given the logits [B, V] of the next token, returns it, int64 [B].
        """
        weight = self.embedding.weight
        sizes, positions = self.config.transformer, prompt.shape[1] + num_tokens
        cache = KeyValueCache(sizes, len(prompt), positions, weight.dtype, weight.device)
        before_first = torch.zeros_like(weight[:1]).expand(len(prompt), 1, -1)
        inputs, drawn = torch.cat([before_first, self.embedding(prompt)], dim=1), []
        for _ in range(num_tokens):
            drawn.append(choose(self.head(self.transformer(inputs, cache=cache)[:, -1])))
            inputs = self.embedding(drawn[-1])[:, None]
        return torch.stack(drawn, dim=1)


def token_nats(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return -log P of every token, [B, T], from logits [B, T, V]; 0 where a token is PADDING."""
    return F.cross_entropy(logits.transpose(1, 2), tokens, ignore_index=PADDING, reduction="none")
