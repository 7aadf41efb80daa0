"""Tokenizer on a pretrained recogniser's encoder: Whisper's, taught phones with CTC.

B batch, N frames of Whisper's log-mel (100 a second), T = N / 2 frames, D dims, P phones and the blank, V units.
"""

import torch
from torch import Tensor, nn

from undertone.engine.config import WhisperConfig
from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.engine.tokenizers.whisper_encoder import WhisperEncoder, WhisperLogMel


class WhisperTokenizer(PhoneReader):
    """Tokenizer on Whisper's encoder; a frame costs the same in a clip of 3 s as in one of 30 s."""

    config: WhisperConfig

    def __init__(self, config: WhisperConfig = WhisperConfig()) -> None:
        super().__init__(config)
        self.mel = WhisperLogMel(config.num_mels)
        self.encoder = WhisperEncoder(config)
        self.classifier = PhoneClassifier(config) if config.phones else None
        self.add_units(config.dim)

    def inputs(self, waveform: Tensor) -> Tensor:
        """Return Whisper's log-mel [N, M] of a waveform."""
        log_mel: Tensor = self.mel(waveform)
        return log_mel

    def num_frames(self, num_inputs: int) -> int:
        """Return half as many frames as the log-mel has."""
        return num_inputs // 2

    def hidden_batch(self, inputs: Tensor, lengths: Tensor, frozen_layers: int = 0) -> Tensor:
        """Return the encoder's output [B, T, D]; more frames than it has positions are read in windows that overlap."""
        config, frames = self.config, inputs.shape[1] // 2
        if frames <= config.max_frames:
            whole: Tensor = self.encoder(inputs, lengths, frozen_layers)
            return whole
        kept = config.max_frames - 2 * config.context_frames
        pieces = []
        for start in range(0, frames, kept):
            left, right = max(0, start - config.context_frames), min(frames, start + kept + config.context_frames)
            within = (lengths - left).clamp(1, right - left)
            hidden = self.encoder(inputs[:, 2 * left : 2 * right], within, frozen_layers)
            pieces.append(hidden[:, start - left : start - left + kept])
        return torch.cat(pieces, dim=1)

    def forward(self, inputs: Tensor, lengths: Tensor, frozen_layers: int = 0, from_hidden: bool = False) -> Tensor:
        """Return CTC logits, see `phone_logits`.

        Args:
            frozen_layers: of the encoder, from below, that get no gradient.
            from_hidden: `inputs` are what the encoder's `lower` made with these layers, float [B, T, D].
        """
        if from_hidden:
            return self._classified(self.encoder.upper(inputs.float(), lengths, frozen_layers), lengths)
        return self._classified(self.hidden_batch(inputs, lengths, frozen_layers), lengths)

    def phone_logits(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return CTC logits [B, T, P] of log-mels [B, N, M]; class 0 is the blank."""
        return self._classified(self.hidden_batch(inputs, lengths), lengths)

    def _classified(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        if self.classifier is None:
            raise ValueError("this tokenizer was exported without its phone classifier; use the training checkpoint")
        place = torch.arange(hidden.shape[1], device=hidden.device)
        logits: Tensor = self.classifier(hidden * (place < lengths[:, None])[..., None])
        return logits

    def without_classifier(self) -> "WhisperTokenizer":
        """Return the part that makes units."""
        units = WhisperTokenizer(self.config.model_copy(update={"phones": ()}))
        kept = units.state_dict().keys()
        units.load_state_dict({key: value for key, value in self.state_dict().items() if key in kept})
        return units.eval()


class PhoneClassifier(nn.Module):
    """Two convolutions over the encoder's frames."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        kernel, padding = config.classifier_kernel, config.classifier_kernel // 2
        self.hidden = nn.Conv1d(config.dim, config.classifier_dim, kernel, padding=padding)
        self.output = nn.Conv1d(config.classifier_dim, len(config.phones) + 1, kernel, padding=padding)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map [B, T, D] to [B, T, P]."""
        logits: Tensor = self.output(nn.functional.gelu(self.hidden(hidden.transpose(1, 2)))).transpose(1, 2)
        return logits
