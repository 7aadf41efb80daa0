"""Acoustic codes of a Token-LM + Acoustic: residual vector quantisation of the mel, and what reads and predicts it.

B batch, T frames, M mel bins, K levels, C entries of a codebook, D transformer dim, V' token ids.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import ModelConfig, TransformerConfig
from undertone.engine.network.layers.transformer import Transformer
from undertone.engine.noise import Noise


class ResidualQuantiser(nn.Module):
    """Codebooks of normalised mel frames: each level has the entry that is nearest to what the levels before left."""

    codebooks: Tensor  # [K, C, M], fitted before training, and no parameter

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        shape = (config.latent_dim, config.codes.num_entries, config.mel.num_mels)
        self.register_buffer("codebooks", torch.zeros(shape))

    def forward(self, mel: Tensor) -> Tensor:
        """Return the codes int64 [B, T, K] of a normalised mel [B, T, M]."""
        rest, codes = mel.flatten(0, 1).float(), []
        for codebook in self.codebooks.float():
            code = torch.addmm(codebook.square().sum(1), rest, codebook.T, alpha=-2.0).argmin(1)
            rest = rest - codebook[code]
            codes.append(code)
        return torch.stack(codes, dim=-1).view(*mel.shape[:2], -1)

    def mel(self, codes: Tensor) -> Tensor:
        """Return the normalised mel [B, T, M] that codes int64 [B, T, K] stand for: the sum of their entries."""
        entries = [codebook[codes[..., level]] for level, codebook in enumerate(self.codebooks)]
        return torch.stack(entries).sum(0)


class CodeEmbedding(nn.Module):
    """Sum of the embeddings of a frame's codes: one table, in which every level has rows of its own."""

    def __init__(self, config: ModelConfig, dim: int) -> None:
        super().__init__()
        self.num_entries = config.codes.num_entries
        self.table = nn.Embedding(config.latent_dim * config.codes.num_entries, dim)

    def rows(self, codes: Tensor) -> Tensor:
        """Return the embedding of every code, [..., K, dim], of codes [..., K] of the first K levels."""
        return self.table(codes.long() + self.num_entries * torch.arange(codes.shape[-1], device=codes.device))

    def forward(self, codes: Tensor) -> Tensor:
        """Return the embedding of every frame, [B, T, dim], from codes [B, T, K] of any dtype."""
        return self.rows(codes).sum(-2)


class DepthTransformer(nn.Module):
    """Codes of a frame, one level after the other, given the hidden state and the frame's token (spec section 7)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        codes, levels = config.codes, config.latent_dim
        sizes = TransformerConfig(
            dim=codes.depth_dim,
            num_layers=codes.depth_layers,
            num_heads=codes.depth_heads,
            feedforward_dim=codes.depth_feedforward_dim,
            max_positions=levels,
        )
        self.hidden = nn.Linear(config.transformer.dim, codes.depth_dim)
        self.token = nn.Embedding(config.num_token_ids, codes.depth_dim)
        self.codes = CodeEmbedding(config, codes.depth_dim)
        self.position = nn.Embedding(levels, codes.depth_dim)
        self.transformer = Transformer(codes.depth_dim, sizes)
        self.output = nn.Linear(codes.depth_dim, codes.num_entries)  # shared by the levels, as published

    def forward(self, hidden: Tensor, tokens: Tensor, codes: Tensor) -> Tensor:
        """Return the logits of the level behind those given, and of all before it, float32 [B, T, K' + 1, C].

        Args:
            hidden: [B, T, D].
            tokens: of the same frames, int64 [B, T].
            codes: of the first K' levels, [B, T, K'] of any dtype.
        """
        first = self.hidden(hidden) + self.token(tokens)
        inputs = torch.cat([first.unsqueeze(2), self.codes.rows(codes).to(first.dtype)], dim=2)
        inputs = inputs + self.position.weight[: inputs.shape[2]].to(inputs.dtype)
        return self.output(self.transformer(inputs.flatten(0, 1))).float().view(*inputs.shape[:3], -1)

    def nats(self, hidden: Tensor, tokens: Tensor, codes: Tensor) -> Tensor:
        """Return -ln p(codes | token) of every frame, [B, T], summed over the levels."""
        logits = self(hidden, tokens, codes[..., :-1])
        return F.cross_entropy(logits.flatten(0, 2), codes.long().flatten(), reduction="none").view(codes.shape).sum(-1)

    def draw(self, hidden: Tensor, tokens: Tensor, temperature: float, noise: Noise) -> Tensor:
        """Draw the codes of one frame, float32 [B, 1, K], from [B, 1, D] and [B, 1]; temperature 0 takes the likeliest.

        The seeds of `noise` are those of the batch.
        """
        codes = hidden.new_zeros(*tokens.shape, 0, dtype=torch.float32)
        for _ in range(self.position.num_embeddings):
            logits = self(hidden, tokens, codes)[:, 0, -1]
            drawn = logits.argmax(-1) if temperature == 0.0 else noise.categorical((logits / temperature).softmax(-1))
            codes = torch.cat([codes, drawn.view(-1, 1, 1).float()], dim=-1)
        return codes
