"""Source-filter generator: ConvNeXt blocks shape pulses at the pitch of the voice, and noise, in the STFT domain.

A mel of 64 ms windows every 20 ms does not tell where a harmonic's phase is; a network that must invent it (`Vocos`)
buzzes. Here the pitch is read from the mel and integrated, so harmonics go on smoothly from frame to frame, and the
network says how strong and how noisy each frequency is.

B batch, T frames at 50 Hz, M mel bins, C channels, R spectral frames per mel frame, K = n_fft // 2 + 1 bins.
"""

import math

import torch
from torch import Tensor, nn

from undertone.engine.audio.mel import LogMel, normalise
from undertone.engine.config import MelConfig, SourceFilterConfig
from undertone.engine.vocoders.excitation import anchors, cycles, marks, noise, noise_table, pulses
from undertone.engine.vocoders.vocos import ConvNeXtBlock

VOICE_HZ = 1000.0  # below it the voice is strong where it is voiced
MAX_LOG_GAIN = 6.0  # keeps an early training step from overflowing; speech stays far below it
NOISE_BIAS = -2.0  # of a fresh network's noise, below its pulses, in nats


class PitchReader(nn.Module):
    """Fundamental frequency from a mel: an average over bins that are spaced by the same ratio."""

    log_hz: Tensor

    def __init__(self, config: SourceFilterConfig) -> None:
        super().__init__()
        kernel = config.kernel_size
        self.embed = nn.Conv1d(config.mel.num_mels, config.pitch_channels, kernel, padding=kernel // 2)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(config.pitch_channels, config.pitch_hidden_channels, kernel, 1 / config.pitch_layers)
            for _ in range(config.pitch_layers)
        )
        self.norm = nn.LayerNorm(config.pitch_channels, eps=1e-6)
        self.head = nn.Linear(config.pitch_channels, config.num_pitch_bins)
        log_hz = torch.linspace(math.log(config.min_hz), math.log(config.max_hz), config.num_pitch_bins)
        self.register_buffer("log_hz", log_hz, persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Return log(Hz) [B, T] of a normalised mel [B, T, M], float32; meaningless where unvoiced."""
        x = self.embed(mel.transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)).float().softmax(-1) @ self.log_hz


class SourceFilter(nn.Module):
    """Natural-log mel to waveform; every mel frame yields exactly `hop_samples` samples, aligned with its mel."""

    window: Tensor
    envelope: Tensor
    envelope_bias: Tensor
    noise_table: Tensor

    def __init__(self, config: SourceFilterConfig = SourceFilterConfig()) -> None:
        super().__init__()
        self.config = config
        kernel = config.kernel_size
        self.embed = nn.Conv1d(config.mel.num_mels, config.channels, kernel, padding=kernel // 2)
        self.embed_norm = nn.LayerNorm(config.channels, eps=1e-6)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(config.channels, config.hidden_channels, kernel, 1 / config.num_layers)
            for _ in range(config.num_layers)
        )
        self.final_norm = nn.LayerNorm(config.channels, eps=1e-6)
        self.head = nn.Linear(config.channels, config.frames_per_mel * 3 * (config.n_fft // 2 + 1))
        self.pitch = PitchReader(config)
        envelope, bias = _envelope(config.mel, config.n_fft)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        self.register_buffer("envelope", envelope, persistent=False)
        self.register_buffer("envelope_bias", bias, persistent=False)
        self.register_buffer("noise_table", noise_table(), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.head.bias.view(config.frames_per_mel, 3, -1)[:, 1] = NOISE_BIAS

    @property
    def context_frames(self) -> int:
        """Return the mel frames after a block, and before it but for the pitch, that can change its samples."""
        config = self.config
        reach = config.kernel_size // 2 * (max(config.num_layers, config.pitch_layers) + 1)
        return max(reach, config.anchor_frames) + math.ceil(config.n_fft / config.mel.hop_samples) + 1

    @property
    def history_frames(self) -> int:
        """Return the mel frames before a block that decide where its pulses lie."""
        return self.context_frames + self.config.history_frames

    def log_hz(self, log_mel: Tensor) -> Tensor:
        """Return the logarithm of the pitch in Hz [B, T], read from a natural-log mel [B, T, M]."""
        with torch.autocast(log_mel.device.type, enabled=False):  # 8 bits of mantissa would put it out of tune
            pitch: Tensor = self.pitch(normalise(log_mel, self.config.mel).to(self.head.weight.dtype))
        return pitch

    def features(self, log_mel: Tensor) -> Tensor:
        """Map natural-log mel [B, T, M] to the last hidden layer [B, T, C]."""
        x = self.embed_norm(self.embed(normalise(log_mel, self.config.mel).transpose(1, 2)).transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        return self.final_norm(x)

    def waveform(self, features: Tensor, log_mel: Tensor, hz: Tensor, first_frame: int = 0) -> Tensor:
        """Return the samples float32 [B, T * hop] of the last T frames of a mel, not clipped.

        Args:
            features: hidden layer [B, T, C].
            log_mel: [B, H + T, M].
            hz: pitch [B, H + T].
            first_frame: where in the take the mel begins.
        """
        frames, per_mel = features.shape[1], self.config.frames_per_mel
        history = log_mel.shape[1] - frames
        with torch.autocast(features.device.type, enabled=False):
            voiced, noisy, phase = self.filters(features, log_mel[:, history:])
            start = anchors(self._voice_level(log_mel), self.config.anchor_frames)
            sources = self.sources(hz.float(), start, first_frame)
            pulse_spectrum, noise_spectrum = (
                self._spectrum(source[:, history * self.config.mel.hop_samples :]) for source in sources
            )
            gain = torch.polar(voiced.clamp(max=MAX_LOG_GAIN).exp(), phase)
            spectrum = gain * pulse_spectrum + noisy.clamp(max=MAX_LOG_GAIN).exp() * noise_spectrum
            return torch.istft(
                spectrum.transpose(1, 2),
                n_fft=self.config.n_fft,
                hop_length=self.config.mel.hop_samples // per_mel,
                window=self.window.float(),
                center=True,
                length=frames * self.config.mel.hop_samples,
            )

    def forward(self, log_mel: Tensor, first_frame: int = 0, history: int = 0) -> Tensor:
        """Return the waveform of a natural-log mel.

        Args:
            log_mel: [B, H + T, M], un-normalised, as LogMel returns it.
            first_frame: where in the take the mel begins; the noise depends on it.
            history: H, frames of which only the periods of the voice are counted.
        Returns:
            float32 [B, T * hop_samples] in [-1, 1].
        """
        with torch.no_grad():  # nothing is learned through the position of a pulse; the pitch has a loss of its own
            hz = self.log_hz(log_mel).exp()
        if self.training:  # another stretch of noise every time, or the network learns this one
            first_frame = int(torch.randint(1 << 16, ()))
        return self.waveform(self.features(log_mel[:, history:]), log_mel, hz, first_frame).clamp(-1.0, 1.0)

    def _upsampled(self, frames: Tensor) -> Tensor:
        """Interpolate [B, T, ...] at mel frames to [B, T * R, ...] at spectral frames, linearly."""
        per_mel = self.config.frames_per_mel
        following = torch.cat([frames[:, 1:], frames[:, -1:]], dim=1)
        share = torch.arange(per_mel, device=frames.device).view(1, 1, per_mel, 1) / per_mel
        return torch.lerp(frames[:, :, None], following[:, :, None], share.to(frames.dtype)).flatten(1, 2)

    def filters(self, features: Tensor, log_mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map the hidden layer [B, T, C] and the mel [B, T, M] to what shapes the sources, float32 [B, T * R, K] each.

        Returns:
            the log gain of the pulses, the log gain of the noise, and the phase of the pulses.
        """
        batch, frames, _ = features.shape
        per_mel, bins = self.config.frames_per_mel, self.config.n_fft // 2 + 1
        head = self.head(features.to(self.head.weight.dtype)).float()
        voiced, noisy, phase = head.view(batch, frames * per_mel, 3, bins).unbind(2)
        envelope = self._upsampled(log_mel.float()) @ self.envelope + self.envelope_bias  # [B, T * R, K]
        return envelope + voiced, envelope + noisy, phase

    def sources(self, hz: Tensor, start: Tensor, first_frame: int | Tensor) -> tuple[Tensor, Tensor]:
        """Return the samples of pulses [B, T * hop] and of noise [1, T * hop].

        Args:
            hz: pitch [B, T].
            start: int64 [B, T], the frame from which the pulses of each are counted.
            first_frame: where in the take they begin.
        """
        mel = self.config.mel
        samples = hz.shape[1] * mel.hop_samples
        periods = cycles(hz, start, mel.hop_samples, mel.sample_rate_hz)
        pulse = pulses(periods, hz.repeat_interleave(mel.hop_samples, dim=1), mel.sample_rate_hz)
        return pulse, noise(self.noise_table, first_frame * mel.hop_samples, samples)[None]

    def anchor_marks(self, log_mel: Tensor) -> Tensor:
        """Return the index of every frame from which pulses are counted, 0 elsewhere, int64 [B, T], of [B, T, M]."""
        return marks(self._voice_level(log_mel), self.config.anchor_frames)

    def _voice_level(self, log_mel: Tensor) -> Tensor:
        """Return how strong the voice is where it is voiced, [B, T]."""
        mel = self.config.mel
        voice_bins = max(1, round(float(_mel_of(VOICE_HZ) / _mel_of(mel.max_hz)) * mel.num_mels))
        return log_mel[..., :voice_bins].float().mean(-1)

    def _spectrum(self, waveform: Tensor) -> Tensor:
        hop = self.config.mel.hop_samples // self.config.frames_per_mel
        spectrum = torch.stft(
            waveform, self.config.n_fft, hop, window=self.window, center=True, pad_mode="constant", return_complex=True
        )
        return spectrum.transpose(1, 2)[:, : waveform.shape[1] // hop]


def _mel_of(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)


def _envelope(config: MelConfig, n_fft: int) -> tuple[Tensor, Tensor]:
    """Return matrix [M, K] and bias [K] from natural-log mel to the log gain of a flat source of root mean square 1.

    Between the centres of two mel filters the level is linear. A filter adds up `area` bins of the mel's STFT, whose
    magnitude is `scale` for a flat source.
    """
    area = LogMel(config).filterbank.sum(0).clamp_min(1e-3)  # [M]
    centres = torch.linspace(_mel_of(config.min_hz), _mel_of(config.max_hz), config.num_mels + 2)[1:-1]
    bins = torch.linspace(0, config.sample_rate_hz / 2, n_fft // 2 + 1)
    position = torch.bucketize(torch.tensor([_mel_of(float(hz)) for hz in bins]), centres).clamp(1, len(centres) - 1)
    place = torch.tensor([_mel_of(float(hz)) for hz in bins])
    lower, upper = centres[position - 1], centres[position]
    share = ((place - lower) / (upper - lower)).clamp(0, 1)
    matrix = torch.zeros(config.num_mels, len(bins))
    matrix[position - 1, torch.arange(len(bins))] = 1 - share
    matrix[position, torch.arange(len(bins))] += share
    scale = torch.hann_window(config.window_samples).square().sum().sqrt()
    return matrix, -(area.log() @ matrix) - scale.log()
