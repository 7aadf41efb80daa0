"""Whisper's log-mel and encoder (arXiv 2212.04356), with the tensor names of transformers' `WhisperEncoder`.

B batch, N frames of the log-mel (100 a second), T = N / 2 frames of the encoder, M mel bins, D dims.
"""

import math

import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional as F

from undertone.engine.config import SAMPLE_RATE_HZ, WhisperConfig

N_FFT = 400
HOP_SAMPLES = 160
FLOOR = 1e-10  # of a mel's power
RANGE = 8.0  # decades below the clip's loudest mel that are kept


class WhisperLogMel(nn.Module):
    """Waveform to Whisper's log-mel, as transformers' `WhisperFeatureExtractor` makes it of a clip under 30 s."""

    window: Tensor
    filterbank: Tensor

    def __init__(self, num_mels: int = 80) -> None:
        super().__init__()
        filterbank = torchaudio.functional.melscale_fbanks(
            n_freqs=N_FFT // 2 + 1,
            f_min=0.0,
            f_max=SAMPLE_RATE_HZ / 2,
            n_mels=num_mels,
            sample_rate=SAMPLE_RATE_HZ,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("filterbank", filterbank, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Map float32 [samples] to [N, M]; N is even, 2 for each 320 samples that have begun.

        The clip ends in silence, as if it were padded to Whisper's 30 s, but no frame is spent on it.
        """
        samples = waveform.shape[-1]
        frames = 2 * -(-samples // (2 * HOP_SAMPLES))
        padded = F.pad(waveform.float(), (0, frames * HOP_SAMPLES - samples + N_FFT // 2))
        left = padded[1 : N_FFT // 2 + 1].flip(0)  # reflected, as the published code does
        spectrum = torch.stft(
            torch.cat([left, padded]), N_FFT, HOP_SAMPLES, window=self.window, center=False, return_complex=True
        )
        power = torch.view_as_real(spectrum).square().sum(-1)[:, :frames]
        return self.scaled(power.T @ self.filterbank)

    def scaled(self, power: Tensor) -> Tensor:
        """Return the log-mel that Whisper reads of a clip's mel power, both [N, M]."""
        log_mel = power.clamp_min(FLOOR).log10()
        return (torch.maximum(log_mel, log_mel.max() - RANGE) + 4.0) / 4.0


class _Attention(nn.Module):
    """Self-attention over all valid frames; None: all are."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(dim, dim)
        self.k_proj = nn.Linear(dim, dim, bias=False)
        self.v_proj = nn.Linear(dim, dim)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:  # [B, T, D], bool [B, T]
        query, key, value = (
            projected.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projected in (self.q_proj(x), self.k_proj(x), self.v_proj(x))
        )
        mask = None if valid is None or bool(valid.all()) else valid[:, None, None, :]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        output: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return output


class _Layer(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.self_attn = _Attention(config.dim, config.num_heads)
        self.self_attn_layer_norm = nn.LayerNorm(config.dim)
        self.fc1 = nn.Linear(config.dim, config.feedforward_dim)
        self.fc2 = nn.Linear(config.feedforward_dim, config.dim)
        self.final_layer_norm = nn.LayerNorm(config.dim)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        x = x + self.self_attn(self.self_attn_layer_norm(x), valid)
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class WhisperEncoder(nn.Module):
    """Log-mel to hidden frames, over the clip's own frames and not over 30 s."""

    positions: Tensor

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(config.num_mels, config.dim, 3, padding=1)
        self.conv2 = nn.Conv1d(config.dim, config.dim, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_layers))
        self.layer_norm = nn.LayerNorm(config.dim)
        self.register_buffer("positions", sinusoids(config.max_frames, config.dim), persistent=False)

    def forward(self, log_mel: Tensor, lengths: Tensor, frozen_layers: int = 0) -> Tensor:
        """Return the hidden frames after the last layer and its norm.

        Args:
            log_mel: [B, N, M], N at most twice the positions; what is beyond a clip's length is not heard.
            lengths: valid frames of the result, int64 [B].
            frozen_layers: layers from below that get no gradient; 0 trains everything.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen_layers):
            hidden = self.lower(log_mel, lengths, frozen_layers)
        return self.upper(hidden, lengths, frozen_layers)

    def lower(self, log_mel: Tensor, lengths: Tensor, num_layers: int) -> Tensor:
        """Return the hidden frames [B, T, D] after the first `num_layers` layers, which `upper` goes on from."""
        x = self._embedded(log_mel, lengths)
        valid = _valid(x, lengths)
        for layer in self.layers[:num_layers]:
            x = layer(x, valid)
        return x

    def upper(self, hidden: Tensor, lengths: Tensor, num_layers: int) -> Tensor:
        """Return the output [B, T, D] of hidden frames [B, T, D] after the first `num_layers` layers."""
        valid = _valid(hidden, lengths)
        for layer in self.layers[num_layers:]:
            hidden = layer(hidden, valid)
        output: Tensor = self.layer_norm(hidden)
        return output

    def whole(self, log_mel: Tensor) -> Tensor:
        """Return the output [B, T, D] of log-mels [B, N, M] without padding."""
        hidden = self._embedded(log_mel, None)
        for layer in self.layers:
            hidden = layer(hidden, None)
        output: Tensor = self.layer_norm(hidden)
        return output

    def _embedded(self, log_mel: Tensor, lengths: Tensor | None) -> Tensor:
        """Return what the layers start from [B, T, D]; without lengths all of the log-mel is heard."""
        x = log_mel.transpose(1, 2)
        if lengths is None:
            x = F.gelu(self.conv1(x))
        else:
            place = torch.arange(log_mel.shape[1], device=log_mel.device)
            heard = (place < 2 * lengths[:, None])[:, None]  # [B, 1, N]
            x = F.gelu(self.conv1(x * heard)) * heard  # as if the clip ended there
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        return x + self.positions[: x.shape[1]]


def _valid(hidden: Tensor, lengths: Tensor) -> Tensor:
    """Return which of the frames [B, T, D] are within their clip, bool [B, T]."""
    return torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]


def sinusoids(length: int, dim: int) -> Tensor:
    """Return Whisper's positions [length, dim]: sines, then cosines, of wavelengths from 2 pi to 20,000 pi frames."""
    step = math.log(10_000) / (dim // 2 - 1)
    scaled = torch.arange(length)[:, None] * torch.exp(-step * torch.arange(dim // 2))[None]
    return torch.cat([scaled.sin(), scaled.cos()], dim=1)
