"""Small supervised tokenizer: a Conformer trained with CTC on phones; units are made of one layer's features.

B batch, T frames at 50 Hz, M mel bins, F feature dims, P phones and the blank (class 0), V units.
"""

import torch
from torch import Tensor, nn
from torchaudio.models import Conformer

from engine.config import PhoneticConfig
from engine.mel import LogMel
from engine.tokenizers.units import cheapest_units, nearest_centroid


class PhoneticTokenizer(nn.Module):
    """Waveform to phonetic units at 50 Hz, and to phone posteriors."""

    centroids: Tensor
    transition_costs: Tensor | None  # [V, V], where units are phone parts

    def __init__(self, config: PhoneticConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = LogMel(config.mel)
        self.input = nn.Linear(config.mel.num_mels, config.dim)
        self.encoder = Conformer(
            input_dim=config.dim,
            num_heads=config.num_heads,
            ffn_dim=config.feedforward_dim,
            num_layers=config.num_layers,
            depthwise_conv_kernel_size=config.kernel_size,
            dropout=config.dropout,
            convolution_first=True,  # position enters through the convolution, so it comes before attention
        )
        self.classifier = nn.Linear(config.dim, len(config.phones) + 1) if config.phones else None
        parts = config.phone_parts
        self.projection = nn.Linear(len(parts.frames) * config.dim, parts.dim) if parts else None
        self.register_buffer("centroids", torch.zeros(config.num_units, parts.dim if parts else config.dim))
        self.register_buffer("transition_costs", torch.zeros(config.num_units, config.num_units) if parts else None)

    def normalised(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Log-mel with each bin's mean over the clip removed: takes out the microphone and most of the voice colour."""
        positions = torch.arange(log_mel.shape[1], device=log_mel.device)
        valid = (positions < lengths[:, None]).unsqueeze(-1)
        mean = (log_mel * valid).sum(1, keepdim=True) / lengths[:, None, None]
        return (log_mel - mean) / self.config.mel.std * valid

    def layers(self, mel: Tensor, lengths: Tensor) -> list[Tensor]:
        """Output of every encoder layer.

        Args:
            mel: normalised as `normalised` does, [B, T, M].
            lengths: valid frames, int64 [B].
        Returns:
            one [B, T, F] for each layer.
        """
        padding = torch.arange(mel.shape[1], device=mel.device) >= lengths[:, None]
        hidden = self.input(mel).transpose(0, 1)  # the library's layers take [T, B, F]
        outputs = []
        for layer in self.encoder.conformer_layers:
            hidden = layer(hidden, padding)
            outputs.append(hidden.transpose(0, 1))
        return outputs

    def forward(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """CTC logits, see `phone_logits`."""
        return self.phone_logits(log_mel, lengths)

    def phone_logits(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """CTC logits of natural-log mels: [B, T, M] and int64 [B] to [B, T, P]; class 0 is the blank."""
        if self.classifier is None:
            raise ValueError("this tokenizer was exported without its phone classifier; use the training checkpoint")
        logits: Tensor = self.classifier(self.layers(self.normalised(log_mel, lengths), lengths)[-1])
        return logits

    def without_classifier(self) -> "PhoneticTokenizer":
        """The part that makes units: the layers above the clustered one and the phone classifier are left out."""
        config = self.config.model_copy(update={"num_layers": self.config.feature_layer, "phones": ()})
        units = PhoneticTokenizer(config)
        kept = units.state_dict().keys()
        units.load_state_dict({key: value for key, value in self.state_dict().items() if key in kept})
        return units.eval()

    def features_batch(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Features that units are made of, from natural-log mels: [B, T, M] and int64 [B] to [B, T, F]."""
        hidden = self.hidden_batch(log_mel, lengths)
        return hidden if self.projection is None else self.projection(self.stacked(hidden, lengths))

    def hidden_batch(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """The layer that becomes units, before the projection: [B, T, M] and int64 [B] to [B, T, dim]."""
        return self.layers(self.normalised(log_mel, lengths), lengths)[self.config.feature_layer - 1]

    def stacked(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Every frame with its neighbours, those beyond a clip's edge being the edge: [B, T, D] to [B, T, N D]."""
        assert self.config.phone_parts
        frames = torch.arange(hidden.shape[1], device=hidden.device)
        seen = [
            torch.minimum((frames + offset).clamp(min=0)[None], lengths[:, None] - 1)
            for offset in self.config.phone_parts.frames
        ]
        return torch.cat([hidden.gather(1, at[..., None].expand_as(hidden)) for at in seen], dim=-1)

    def features(self, waveform: Tensor) -> Tensor:
        """Features of one waveform: float32 [samples] at 16 kHz to [T, F] at 50 Hz."""
        log_mel = self.mel(waveform)
        lengths = torch.tensor([log_mel.shape[0]], device=log_mel.device)
        return self.features_batch(log_mel[None], lengths)[0]

    def tokens(self, waveform: Tensor) -> Tensor:
        """Units of one waveform: float32 [samples] at 16 kHz to int64 [T]."""
        return self.units(self.features(waveform))

    def units(self, features: Tensor) -> Tensor:
        """Units of one clip's features: [T, F] to int64 [T]."""
        if self.transition_costs is None:
            return nearest_centroid(features, self.centroids)
        return cheapest_units(features, self.centroids, self.transition_costs)
