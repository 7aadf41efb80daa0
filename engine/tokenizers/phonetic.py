"""Small supervised tokenizer: a Conformer trained with CTC on phones; units are made of one layer's features.

B batch, T frames at 50 Hz, M mel bins, F feature dims, P phones and the blank (class 0), V units.
"""

import torch
from torch import Tensor, nn
from torchaudio.models import Conformer

from undertone.engine.audio.mel import LogMel
from undertone.engine.config import PhoneticConfig
from undertone.engine.tokenizers.phone_reader import PhoneReader


class PhoneticTokenizer(PhoneReader):
    """Tokenizer of the model's own mel, so that a prepared corpus need not be read again."""

    config: PhoneticConfig

    def __init__(self, config: PhoneticConfig) -> None:
        super().__init__(config)
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
        self.add_units(config.dim)

    def inputs(self, waveform: Tensor) -> Tensor:
        """Return the natural-log mel [T, M] of a waveform."""
        log_mel: Tensor = self.mel(waveform)
        return log_mel

    def num_frames(self, num_inputs: int) -> int:
        """Return the number of inputs: every frame of the mel is one."""
        return num_inputs

    def normalised(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Return the log-mel less each bin's mean over the clip: microphone and most of the voice colour go."""
        positions = torch.arange(log_mel.shape[1], device=log_mel.device)
        valid = (positions < lengths[:, None]).unsqueeze(-1)
        mean = (log_mel * valid).sum(1, keepdim=True) / lengths[:, None, None]
        return (log_mel - mean) / self.config.mel.std * valid

    def layers(self, mel: Tensor, lengths: Tensor | None) -> list[Tensor]:
        """Return the output of every encoder layer.

        Args:
            mel: normalised as `normalised` does, [B, T, M].
            lengths: valid frames, int64 [B]; None: all are.
        Returns:
            one [B, T, F] for each layer.
        """
        padding = None if lengths is None else torch.arange(mel.shape[1], device=mel.device) >= lengths[:, None]
        hidden = self.input(mel).transpose(0, 1)  # the library's layers take [T, B, F]
        outputs = []
        for layer in self.encoder.conformer_layers:
            hidden = layer(hidden, padding)
            outputs.append(hidden.transpose(0, 1))
        return outputs

    def phone_logits(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Return CTC logits of natural-log mels: [B, T, M] and int64 [B] to [B, T, P]; class 0 is the blank."""
        if self.classifier is None:
            raise ValueError("this tokenizer was exported without its phone classifier; use the training checkpoint")
        logits: Tensor = self.classifier(self.layers(self.normalised(log_mel, lengths), lengths)[-1])
        return logits

    def without_classifier(self) -> "PhoneticTokenizer":
        """Return the part that makes units: without the layers above the clustered one and the phone classifier."""
        config = self.config.model_copy(update={"num_layers": self.config.feature_layer, "phones": ()})
        units = PhoneticTokenizer(config)
        kept = units.state_dict().keys()
        units.load_state_dict({key: value for key, value in self.state_dict().items() if key in kept})
        return units.eval()

    def hidden_batch(self, log_mel: Tensor, lengths: Tensor) -> Tensor:
        """Return the layer that becomes units, before the projection: [B, T, M] and int64 [B] to [B, T, dim]."""
        return self.layers(self.normalised(log_mel, lengths), lengths)[self.config.feature_layer - 1]
