"""What tokenizers that were taught phones share: how hidden frames become features, and features units.

B batch, T frames at 50 Hz, D dims of a hidden layer, F feature dims, P phones and the blank (class 0), V units.
"""

from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor, nn

from undertone.engine.config import PhoneticConfig, WhisperConfig
from undertone.engine.tokenizers.units import nearest_centroid, viterbi_units


class PhoneReader(nn.Module, ABC):
    """Waveform to phonetic units at 50 Hz, and to phone posteriors."""

    classifier: nn.Module | None  # None where it was left out of a bundle
    centroids: Tensor
    transition_costs: Tensor | None  # [V, V], where units are phone parts

    def __init__(self, config: PhoneticConfig | WhisperConfig) -> None:
        super().__init__()
        self.config = config

    def add_units(self, dim: int) -> None:
        """Create what makes units of a hidden layer of `dim` dims."""
        parts, num_units = self.config.phone_parts, self.config.num_units
        self.projection = nn.Linear(len(parts.frames) * dim, parts.dim) if parts else None
        self.register_buffer("centroids", torch.zeros(num_units, parts.dim if parts else dim))
        self.register_buffer("transition_costs", torch.zeros(num_units, num_units) if parts else None)

    @abstractmethod
    def inputs(self, waveform: Tensor) -> Tensor:
        """Return what the encoder reads of a waveform [samples] at 16 kHz: [N, mel bins]."""

    @abstractmethod
    def num_frames(self, num_inputs: int) -> int:
        """Return the frames at 50 Hz of so many inputs."""

    @abstractmethod
    def hidden_batch(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the layer that becomes units, before the projection.

        Args:
            inputs: [B, N, mel bins], padded with anything.
            lengths: frames at 50 Hz, int64 [B].
        Returns:
            [B, T, D].
        """

    @abstractmethod
    def phone_logits(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return CTC logits [B, T, P] of what `hidden_batch` takes; class 0 is the blank."""

    @abstractmethod
    def without_classifier(self) -> Self:
        """Return the part that makes units, in evaluation mode."""

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return CTC logits, see `phone_logits`."""
        return self.phone_logits(inputs, lengths)

    def features_batch(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the features [B, T, F] that units are made of."""
        hidden = self.hidden_batch(inputs, lengths)
        return hidden if self.projection is None else self.projection(self.stacked(hidden, lengths))

    def stacked(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Return every frame with its neighbours, repeated at a clip's edges: [B, T, D] to [B, T, N D]."""
        assert self.config.phone_parts
        frames = torch.arange(hidden.shape[1], device=hidden.device)
        seen = [
            torch.minimum((frames + offset).clamp(min=0)[None], lengths[:, None] - 1)
            for offset in self.config.phone_parts.frames
        ]
        return torch.cat([hidden.gather(1, at[..., None].expand_as(hidden)) for at in seen], dim=-1)

    def features(self, waveform: Tensor) -> Tensor:
        """Return the features of one waveform: float32 [samples] at 16 kHz to [T, F] at 50 Hz."""
        inputs = self.inputs(waveform)
        lengths = torch.tensor([self.num_frames(len(inputs))], device=inputs.device)
        return self.features_batch(inputs[None], lengths)[0]

    def tokens(self, waveform: Tensor) -> Tensor:
        """Return the units of one waveform: float32 [samples] at 16 kHz to int64 [T]."""
        return self.units(self.features(waveform))

    def units(self, features: Tensor) -> Tensor:
        """Return the units of one clip's features: [T, F] to int64 [T]."""
        if self.transition_costs is None:
            return nearest_centroid(features, self.centroids)
        return viterbi_units(features, self.centroids, self.transition_costs)
