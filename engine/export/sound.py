"""The graphs of decoder and vocoder. T frames, M mel bins, Z latent dims, S utterance dims, K spectral bins."""

import torch
from torch import Tensor, nn

from undertone.engine.audio.mel import denormalise
from undertone.engine.bundle import Bundle
from undertone.engine.errors import BundleError
from undertone.engine.export.fourier import InverseSpectrum, Spectrum, framed
from undertone.engine.vocoders import SourceFilter, Vocos
from undertone.engine.vocoders.source_filter import MAX_LOG_GAIN


class _GivenNoise:
    """Noise that was drawn by the caller."""

    def __init__(self, start: Tensor) -> None:
        self.start = start

    def normal(self, *shape: int) -> Tensor:
        """Return the start of the decoder, the only draw of a student."""
        return self.start[None]


class DecoderGraph(nn.Module):
    """Frames to mel, by the student: the diffusion decoder itself would be asked 24 times.

    Raises:
        BundleError: a bundle without a student.
    """

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        if bundle.student is None:
            raise BundleError(
                f"the decoder of bundle {bundle.name!r} has no student, and is too slow for a browser without one. "
                "Train one with `undertone student`."
            )
        self.model, self.student = bundle.model, bundle.student
        self.config = bundle.config.model.mel

    def forward(self, tokens: Tensor, latents: Tensor, utterance: Tensor, start: Tensor) -> Tensor:
        """Return the natural-log mel [T, M].

        Args:
            tokens: int64 [T].
            latents: [T, Z].
            utterance: [S].
            start: N(0, 1) [T, M].
        """
        condition = self.model.decoder_condition(tokens[None], latents[None], utterance[None])
        mel = self.student.sample(condition, None, _GivenNoise(start))
        return denormalise(mel[0], self.config)


class VocosGraph(nn.Module):
    """`Vocos` in real numbers."""

    def __init__(self, vocoder: Vocos) -> None:
        super().__init__()
        self.vocoder = vocoder
        config = vocoder.config
        self.inverse = InverseSpectrum(config.n_fft, config.mel.hop_samples // config.frames_per_mel, vocoder.window)

    def forward(self, history: Tensor, log_mel: Tensor, first_frame: Tensor) -> Tensor:
        """Return the samples [T * hop] of a natural-log mel [T, M], whatever lies before it."""
        log_magnitude, phase = self.vocoder.spectrum(self.vocoder.features(log_mel[None]))
        magnitude = log_magnitude[0].exp()
        samples = self.inverse(magnitude * phase[0].cos(), magnitude * phase[0].sin())
        return samples.clamp(-1.0, 1.0)


class SourceFilterGraph(nn.Module):
    """`SourceFilter` in real numbers."""

    def __init__(self, vocoder: SourceFilter) -> None:
        super().__init__()
        self.vocoder = vocoder
        config = vocoder.config
        self.hop = config.mel.hop_samples // config.frames_per_mel
        self.spectrum = Spectrum(config.n_fft, vocoder.window)
        self.inverse = InverseSpectrum(config.n_fft, self.hop, vocoder.window)

    def forward(self, history: Tensor, log_mel: Tensor, first_frame: Tensor) -> Tensor:
        """Return the samples [T * hop] of a natural-log mel [T, M].

        Args:
            history: [H, M], frames before it, of which only the periods of the voice are counted.
            first_frame: int64 [], where in the take the history begins.
        """
        vocoder, mel, whole = self.vocoder, log_mel[None], torch.cat([history, log_mel])[None]
        hz = vocoder.log_hz(whole).exp()
        voiced, noisy, phase = (part[0] for part in vocoder.filters(vocoder.features(mel), mel))
        sources = vocoder.sources(hz, self._anchors(whole), first_frame)
        start = history.shape[0] * vocoder.config.mel.hop_samples
        pulse, noise = (self._spectrum(source[0, start:], phase.shape[0]) for source in sources)
        strength, level = voiced.clamp(max=MAX_LOG_GAIN).exp(), noisy.clamp(max=MAX_LOG_GAIN).exp()
        cos, sin = strength * phase.cos(), strength * phase.sin()
        real = cos * pulse[0] - sin * pulse[1] + level * noise[0]
        imaginary = cos * pulse[1] + sin * pulse[0] + level * noise[1]
        return self.inverse(real, imaginary).clamp(-1.0, 1.0)

    def _anchors(self, mel: Tensor) -> Tensor:
        """Return what `excitation.anchors` does, without a running maximum, which ONNX lacks; int64 [1, T]."""
        marks = self.vocoder.anchor_marks(mel)[0]
        index = torch.arange(marks.shape[0])
        return torch.where(index <= index[:, None], marks, 0).amax(1)[None]

    def _spectrum(self, samples: Tensor, num_frames: int) -> tuple[Tensor, Tensor]:
        """Return two [frames, K] of [samples]."""
        half = self.vocoder.config.n_fft // 2
        padded = torch.nn.functional.pad(samples, (half, half))
        spectrum: tuple[Tensor, Tensor] = self.spectrum(framed(padded, self.vocoder.config.n_fft, self.hop, num_frames))
        return spectrum


def vocoder_graph(bundle: Bundle) -> nn.Module:
    """Return the graph of a bundle's vocoder.

    Raises:
        BundleError: a vocoder that has none.
    """
    match bundle.vocoder:
        case Vocos():
            return VocosGraph(bundle.vocoder)
        case SourceFilter():
            return SourceFilterGraph(bundle.vocoder)
    raise BundleError(
        f"the vocoder of bundle {bundle.name!r} is of kind {bundle.config.vocoder.kind!r}; only 'vocos' and "
        "'source_filter' can be exported. Choose another bundle."
    )
