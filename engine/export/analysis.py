"""The graph that analyses a prompt. T frames, M mel bins, V units, Z latent dims, S utterance dims."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.audio.mel import LogMel, normalise
from undertone.engine.bundle import Bundle
from undertone.engine.errors import BundleError
from undertone.engine.export.fourier import Spectrum, framed
from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.engine.tokenizers.phonetic import PhoneticTokenizer
from undertone.engine.tokenizers.units import relative_distances
from undertone.engine.tokenizers.whisper import WhisperTokenizer
from undertone.engine.tokenizers.whisper_encoder import HOP_SAMPLES, N_FFT, WhisperLogMel


class MelGraph(nn.Module):
    """`LogMel` of whole frames."""

    def __init__(self, mel: LogMel) -> None:
        super().__init__()
        self.mel = mel
        config = mel.config
        left = (config.n_fft - config.window_samples) // 2  # as torch.stft centres a window in its frame
        window = F.pad(mel.window, (left, config.n_fft - config.window_samples - left))
        self.spectrum = Spectrum(config.n_fft, window)

    def forward(self, waveform: Tensor, num_frames: int) -> Tensor:
        """Return the natural-log mel [T, M] of [T * hop] samples."""
        config = self.mel.config
        padded = F.pad(waveform[None], (config.n_fft // 2, config.n_fft // 2), mode="reflect")[0]
        real, imaginary = self.spectrum(framed(padded, config.n_fft, config.hop_samples, num_frames))
        mel = (real.square() + imaginary.square()).sqrt() @ self.mel.filterbank
        return mel.clamp_min(config.floor).log()


class WhisperMelGraph(nn.Module):
    """`WhisperLogMel` of whole frames."""

    def __init__(self, mel: WhisperLogMel) -> None:
        super().__init__()
        self.mel = mel
        self.spectrum = Spectrum(N_FFT, mel.window)

    def forward(self, waveform: Tensor, num_frames: int) -> Tensor:
        """Return Whisper's log-mel [2 T, M] of [T * 320] samples."""
        left = waveform[1 : N_FFT // 2 + 1].flip(0)
        padded = torch.cat([left, waveform, waveform.new_zeros(N_FFT // 2)])
        real, imaginary = self.spectrum(framed(padded, N_FFT, HOP_SAMPLES, 2 * num_frames))
        return self.mel.scaled((real.square() + imaginary.square()) @ self.mel.filterbank)


class TracedAttention(nn.Module):
    """`nn.MultiheadAttention` of a sequence with itself, whose own code fixes the length when it is traced."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.attention = attention

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: None, need_weights: bool
    ) -> tuple[Tensor, None]:
        """Return what `nn.MultiheadAttention` does of [T, B, D], given three times and without padding."""
        attention = self.attention
        mixed = F.linear(query, attention.in_proj_weight, attention.in_proj_bias)
        parts = mixed.unflatten(-1, (3, attention.num_heads, attention.head_dim)).permute(2, 1, 3, 0, 4)
        heads = F.scaled_dot_product_attention(*parts.unbind(0))  # [B, H, T, D / H]
        return attention.out_proj(heads.permute(2, 0, 1, 3).flatten(2)), None


class UnitsGraph(nn.Module):
    """Waveform to the squared distance of every frame from every unit; the units are found by the caller."""

    def __init__(self, tokenizer: PhoneReader) -> None:
        super().__init__()
        self.tokenizer = copy.deepcopy(tokenizer)
        if isinstance(self.tokenizer, PhoneticTokenizer):
            for layer in self.tokenizer.encoder.conformer_layers:
                assert isinstance(layer.self_attn, nn.MultiheadAttention)
                layer.self_attn = TracedAttention(layer.self_attn)
        self.mel = WhisperMelGraph(tokenizer.mel) if isinstance(tokenizer, WhisperTokenizer) else None

    def forward(self, waveform: Tensor, log_mel: Tensor) -> Tensor:
        """Return [T, V] of [T * hop] samples and their natural-log mel [T, M]."""
        num_frames = log_mel.shape[0]
        reader = self.tokenizer
        if isinstance(reader, WhisperTokenizer):
            assert self.mel is not None
            hidden = reader.encoder.whole(self.mel(waveform, num_frames)[None])[0]
        else:
            assert isinstance(reader, PhoneticTokenizer)
            centred = (log_mel - log_mel.mean(0)) / reader.config.mel.std
            hidden = reader.layers(centred[None], None)[reader.config.feature_layer - 1][0]
        features = hidden if reader.projection is None else reader.projection(self._stacked(hidden))
        return relative_distances(features, reader.centroids)

    def _stacked(self, hidden: Tensor) -> Tensor:
        """Return every frame with its neighbours, repeated at the edges: [T, D] to [T, N D]."""
        assert self.tokenizer.config.phone_parts
        offsets = self.tokenizer.config.phone_parts.frames
        before, behind = max(0, -min(offsets)), max(0, max(offsets))
        padded = torch.cat([hidden[:1].expand(before, -1), hidden, hidden[-1:].expand(behind, -1)])
        return torch.cat([padded[before + offset : before + offset + hidden.shape[0]] for offset in offsets], dim=1)


class AnalysisGraph(nn.Module):
    """Prompt to what its continuation needs; the caller brings it to the model's loudness and to whole frames.

    Raises:
        BundleError: a tokenizer that has no such graph.
    """

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        tokenizer = bundle.tokenizer
        if not isinstance(tokenizer, WhisperTokenizer | PhoneticTokenizer):
            raise BundleError(
                f"the tokenizer of bundle {bundle.name!r} is of kind {bundle.config.tokenizer.kind!r}; only 'whisper' "
                "and 'phonetic' can be exported. Choose another bundle."
            )
        self.model = bundle.model
        self.config = bundle.config.model.mel
        self.mel = MelGraph(LogMel(self.config))
        self.units = UnitsGraph(tokenizer)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return distances from the units [T, V], latents [T, Z] and utterance embedding [S] of samples [T, hop]."""
        num_frames, samples = waveform.shape[0], waveform.reshape(-1)
        log_mel = self.mel(samples, num_frames)
        normalised = normalise(log_mel, self.config)[None]
        latents = self.model.posterior(normalised).mean[0]
        return self.units(samples, log_mel), latents, self.model.utterance_embedding(normalised)[0]
