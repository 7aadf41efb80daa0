"""The graph of one step: frames in, the next frame's token logits and latents out.

Q new positions, N frames among them, L layers, H heads, Dh head dim, S positions of the cache, E token dim, D
transformer dim, Z latent dims, V' token ids.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.network import VAEGSLM
from undertone.engine.network.layers.transformer import TransformerLayer

HIDDEN = -1e30  # bias of a position that is not seen; finite, as not every runtime has infinity


class StepGraph(nn.Module):
    """Step of the transformer whose cache the caller keeps: it is read as it is, and what is new is returned.

    So the prompt and every frame behind it are the same graph, and nothing is copied within it.
    """

    def __init__(self, model: VAEGSLM) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        initial: Tensor,
        tokens: Tensor,
        latents: Tensor,
        position: Tensor,
        normal: Tensor,
        temperature: Tensor,
        *cache: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what follows the given frames.

        Args:
            initial: first inputs before the frames, [Q - N, E]: one at the beginning, else none.
            tokens: int64 [N].
            latents: [N, Z].
            position: int64 [], filled positions of the cache.
            normal: N(0, 1) [Z].
            temperature: of the latents, [].
            cache: the keys of every layer, [H, Dh, S] each, then their values, [H, S, Dh] each.
        Returns:
            logits [V'], drawn latents [Z], and keys [L, H, Dh, Q] and values [L, H, Q, Dh] of the new positions.
        """
        model, transformer = self.model, self.model.transformer
        inputs = torch.cat([initial, model.fuse(tokens[None], latents[None])[0]])
        past, own = self._biases(inputs.shape[0], cache[0].shape[2], position)
        x, new_keys, new_values = transformer.input(inputs), [], []
        for i, layer in enumerate(transformer.layers):
            assert isinstance(layer, TransformerLayer)
            keys, values = cache[i], cache[i + len(cache) // 2]
            attended, key, value = self._attend(layer, x, keys, values, past, own)
            x = x + attended
            x = x + layer.project(F.gelu(layer.expand(layer.feedforward_norm(x))))
            new_keys.append(key)
            new_values.append(value)
        hidden = transformer.norm(x[-1:])[None]
        prior = model.prior(hidden)
        drawn = model.draw_latents(prior, normal[None, None], temperature)  # type: ignore[arg-type]
        return prior.logits[0, 0], drawn[0, 0], torch.stack(new_keys), torch.stack(new_values)

    def _biases(self, num_queries: int, capacity: int, position: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bias of every query over the cache [H, Q, S], and over the new positions [H, Q, Q]."""
        slopes = self.model.transformer.alibi.slopes[:, None, None]
        new = torch.arange(num_queries)
        places = torch.arange(capacity)
        past = slopes * (places - (position + new)[:, None])
        own = slopes * (new - new[:, None])
        return torch.where(places < position, past, HIDDEN), torch.where(new <= new[:, None], own, HIDDEN)

    def _attend(
        self, layer: TransformerLayer, x: Tensor, keys: Tensor, values: Tensor, past: Tensor, own: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the output of attention [Q, D], and the new keys [H, Dh, Q] and values [H, Q, Dh]."""
        heads = layer.attention.num_heads
        mixed = layer.attention.input(layer.attention_norm(x)).reshape(x.shape[0], 3, heads, -1)
        query, key, value = mixed.permute(1, 2, 0, 3).unbind(0)  # each [H, Q, Dh]
        query, key = query * query.shape[-1] ** -0.5, key.transpose(1, 2)
        scores = torch.cat([query @ keys + past, query @ key + own], dim=-1).softmax(-1)
        seen = scores[..., : keys.shape[2]] @ values + scores[..., keys.shape[2] :] @ value
        return layer.attention.output(seen.transpose(0, 1).reshape(x.shape[0], -1)), key, value
