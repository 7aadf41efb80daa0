"""The frames of a continuation as the published code makes them, to be compared with: what it costs, not how it reads.

At every frame it builds mask and bias of all positions anew, of which the last row is used, and copies each layer's
keys and values behind one more (spec section 3.4). The weights lie in memory as the engine has them, which is no
slower than as published. B batch, S positions so far, T new ones, H heads, D transformer dim.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from undertone.engine.generation.generate import FrameDrawing, PartialTakes
from undertone.engine.generation.sampling import Sampling
from undertone.engine.network import VAEGSLM
from undertone.engine.network.layers.attention import causal_attention
from undertone.engine.network.layers.transformer import TransformerLayer
from undertone.engine.noise import Noise


def published_loop(
    model: VAEGSLM, tokens: Tensor, latents: Tensor, num_frames: int, sampling: Sampling, noise: Noise
) -> Iterator[PartialTakes]:
    """Draw frames behind a prompt as `generate` does; arguments and what it yields are the same."""
    drawing = FrameDrawing(model, tokens, latents, num_frames, sampling, noise)
    yield drawing.draft
    cache = PublishedCache(model)
    first = model.initial_state(noise, len(tokens))
    hidden = cache.advance(torch.cat([first, model.fuse(tokens, latents)], dim=1))
    while not drawing.is_done:
        drawing.draw(hidden[:, -1:])
        yield drawing.draft
        hidden = cache.advance(model.fuse(drawing.token.unsqueeze(1), drawing.latent.unsqueeze(1)))


class PublishedCache:
    """Transformer with the keys and values of the positions so far, [B, S, D] in every layer."""

    def __init__(self, model: VAEGSLM) -> None:
        config = model.config.transformer
        self._transformer = model.transformer
        self._num_heads = config.num_heads
        positions = torch.arange(config.max_positions, device=model.device)
        self._distance = (positions[:, None] - positions).abs().float()
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        self._num_positions = 0

    def advance(self, inputs: Tensor) -> Tensor:
        """Return the hidden states [B, T, D] of more inputs [B, T, token_dim]."""
        frames = inputs.shape[1]
        self._num_positions += frames
        bias = self._bias()[:, :, -frames:]
        x = self._transformer.input(inputs.to(self._transformer.input.weight.dtype))
        for i, layer in enumerate(self._transformer.layers):
            assert isinstance(layer, TransformerLayer)
            x = x + self._attend(layer, i, layer.attention_norm(x), bias)
            x = x + layer.project(F.gelu(layer.expand(layer.feedforward_norm(x))))
        hidden: Tensor = self._transformer.norm(x)
        return hidden

    def _bias(self) -> Tensor:
        """Return mask and ALiBi of all positions, [1, H, S, S]."""
        distance = self._distance[: self._num_positions, : self._num_positions]
        visible = torch.ones_like(distance, dtype=torch.bool).tril()
        mask = torch.zeros_like(distance).masked_fill(~visible, -torch.inf)
        return mask - self._transformer.alibi.slopes[None, :, None, None] * distance

    def _attend(self, layer: TransformerLayer, index: int, x: Tensor, bias: Tensor) -> Tensor:
        query, key, value = layer.attention.input(x).chunk(3, dim=-1)
        if index in self._keys:
            key = torch.cat([self._keys[index], key], dim=1)
            value = torch.cat([self._values[index], value], dim=1)
        self._keys[index], self._values[index] = key, value
        attended = causal_attention(self._split(query), self._split(key), self._split(value), bias)
        projected: Tensor = layer.attention.output(attended.transpose(1, 2).flatten(2))
        return projected

    def _split(self, x: Tensor) -> Tensor:
        """Return [B, H, positions, D / H] of [B, positions, D]."""
        return x.unflatten(-1, (self._num_heads, -1)).transpose(1, 2)
