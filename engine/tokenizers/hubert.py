"""HuBERT-large features and k-means units, as published (spec section 1.3). T frames at 50 Hz, F features, V units."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torchaudio.models import Wav2Vec2Model, wav2vec2_model

from undertone.engine.config import SAMPLE_RATE_HZ, HubertConfig
from undertone.engine.errors import AudioError, BundleError
from undertone.engine.tokenizers.hubert_weights import from_huggingface, read_huggingface
from undertone.engine.tokenizers.units import nearest_centroid

RECEPTIVE_SAMPLES = 400  # of the convolutions: shorter audio has no frame
VARIANCE_EPS = 1e-7


class HubertTokenizer(nn.Module):
    """Waveform to units: the last hidden state after the final norm, then the nearest centroid."""

    centroids: Tensor

    def __init__(self, config: HubertConfig = HubertConfig()) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("centroids", torch.zeros(config.num_units, config.feature_dim))
        self.encoder = _encoder(config) if config.has_encoder else None

    def load_huggingface(self, source: str | Path) -> None:
        """Load the encoder's weights from a folder, a file or a Hub id in the Hugging Face layout.

        Raises:
            BundleError: not found, or its tensors are not those of this architecture.
        """
        path, tensors = read_huggingface(source)
        encoder = self._needed_encoder()
        encoder.load_state_dict(from_huggingface(tensors, encoder.state_dict(), path))

    @torch.no_grad()
    def features(self, waveform: Tensor) -> Tensor:
        """Return the last hidden state of one waveform.

        Args:
            waveform: float32 [samples] at 16 kHz; normalised to zero mean and unit variance over the clip.
        Returns:
            float32 [T, F], T = floor((samples - 400) / 320) + 1.
        Raises:
            AudioError: shorter than one frame, or as long as the clips that the published script leaves out.
            BundleError: the bundle was imported without HuBERT's weights.
        """
        encoder = self._needed_encoder()
        self._check(waveform)
        self.eval()
        centred = waveform.float() - waveform.float().mean()
        normalised = centred / torch.sqrt(centred.square().mean() + VARIANCE_EPS)
        hidden, _ = encoder(normalised.to(self.dtype).unsqueeze(0))
        features: Tensor = hidden[0].float()
        return features

    def tokens(self, waveform: Tensor) -> Tensor:
        """Return the units of one waveform: float32 [samples] at 16 kHz to int64 [T]."""
        return nearest_centroid(self.features(waveform), self.centroids)

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the weights; the published units were made in float16 on a GPU."""
        return next(self._needed_encoder().parameters()).dtype

    def _needed_encoder(self) -> Wav2Vec2Model:
        if self.encoder is None:
            raise BundleError(
                "this bundle was imported without HuBERT's weights, so it cannot analyse a recording. "
                "Import it again with --hubert: a folder, a file or a Hub id."
            )
        return self.encoder

    def _check(self, waveform: Tensor) -> None:
        seconds = waveform.shape[-1] / SAMPLE_RATE_HZ
        if waveform.shape[-1] < RECEPTIVE_SAMPLES:
            raise AudioError(
                f"the clip has {waveform.shape[-1]} samples; HuBERT needs at least {RECEPTIVE_SAMPLES} at 16 kHz."
            )
        if seconds >= self.config.max_seconds:
            raise AudioError(
                f"the clip is {seconds:.1f} s long; HuBERT units are made of clips under "
                f"{self.config.max_seconds:g} s. Cut it into shorter ones."
            )


def _encoder(config: HubertConfig) -> Wav2Vec2Model:
    """Return HuBERT-large's architecture, weight norm folded."""
    encoder = wav2vec2_model(
        extractor_mode="layer_norm",
        extractor_conv_layer_config=None,  # 10/5, 3/2 four times, 2/2 twice: one frame per 320 samples
        extractor_conv_bias=True,
        encoder_embed_dim=config.feature_dim,
        encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=128,
        encoder_pos_conv_groups=16,
        encoder_num_layers=config.num_layers,
        encoder_num_heads=config.num_heads,
        encoder_attention_dropout=0.0,
        encoder_ff_interm_features=config.feedforward_dim,
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.0,
        encoder_layer_norm_first=True,  # the stable variant: its final norm is part of the last hidden state
        encoder_layer_drop=0.0,
        aux_num_out=None,
    )
    for module in encoder.modules():
        if parametrize.is_parametrized(module, "weight"):  # weight norm of the position convolution
            parametrize.remove_parametrizations(module, "weight")
    return encoder
