"""Causal pre-norm transformer with ALiBi and a static cache (spec section 3.4). B batch, T frames, D model dim."""

import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import TransformerConfig
from undertone.engine.network.layers.alibi import AlibiBias
from undertone.engine.network.layers.attention import causal_attention
from undertone.engine.network.layers.basic import RMSNorm, apply_mask
from undertone.engine.network.layers.cache import KeyValueCache


class SelfAttention(nn.Module):
    """Multi-head self-attention without biases."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.input = nn.Linear(dim, 3 * dim, bias=False)
        self.output = nn.Linear(dim, dim, bias=False)
        bound = (dim / 3) ** -0.5
        nn.init.uniform_(self.input.weight, -bound, bound)
        nn.init.uniform_(self.output.weight, -bound, bound)

    def forward(self, x: Tensor, bias: Tensor, layer: int, cache: KeyValueCache | None) -> Tensor:
        """Attend over the frames seen so far; x and the result are [B, T, D], bias [1 or B, H, T, keys]."""
        batch, frames, dim = x.shape
        heads = self.input(x).view(batch, frames, 3, self.num_heads, dim // self.num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each [B, H, T, Dh]
        if cache is not None:
            key, value = cache.write(layer, key, value)
        attended = causal_attention(query, key, value, bias)
        return self.output(attended.transpose(1, 2).reshape(batch, frames, dim))


class TransformerLayer(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.dim, config.norm_eps)
        self.attention = SelfAttention(config.dim, config.num_heads)
        self.feedforward_norm = RMSNorm(config.dim, config.norm_eps)
        self.expand = nn.Linear(config.dim, config.feedforward_dim)
        self.project = nn.Linear(config.feedforward_dim, config.dim)

    def forward(self, x: Tensor, bias: Tensor, layer: int, cache: KeyValueCache | None) -> Tensor:
        """Apply attention and feed-forward to [B, T, D]; returns [B, T, D]."""
        x = x + self.attention(self.attention_norm(x), bias, layer, cache)
        return x + self.project(F.gelu(self.expand(self.feedforward_norm(x))))


class Transformer(nn.Module):
    """Input projection, layers, final norm.

    Items are padded at their end only, so no real frame ever sees a padded one: the mask is needed once, at the end.
    """

    def __init__(self, in_dim: int, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.input = nn.Linear(in_dim, config.dim, bias=False)
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.dim, config.norm_eps)
        self.alibi = AlibiBias(config.num_heads, config.max_positions)

    def forward(self, x: Tensor, mask: Tensor | None = None, cache: KeyValueCache | None = None) -> Tensor:
        """Return the hidden states of the given frames.

        Args:
            x: [B, T, in_dim].
            mask: bool [B, T], True for a prefix of each row; None means all frames are real.
            cache: filled up to `cache.position`; the T frames are written behind and the position advances.
        Returns:
            [B, T, D], zero at padding.
        Raises:
            ValueError: more positions than the model or the cache has.
        """
        frames = x.shape[1]
        past = 0 if cache is None else cache.position
        if past + frames > self.config.max_positions:
            raise ValueError(
                f"{past + frames} positions were asked for and the model has {self.config.max_positions}: "
                "shorten the prompt or the continuation"
            )
        if cache is not None:
            cache.check_room(frames)
        bias = self.alibi(frames, frames) if cache is None else cache.bias(self.alibi, frames)
        x = self.input(x)
        for i, layer in enumerate(self.layers):
            x = layer(x, bias, i, cache)
        if cache is not None:
            cache.advance(frames)
        return apply_mask(self.norm(x), mask)
