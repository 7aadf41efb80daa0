"""Speech as the model sees it. T frames at 50 Hz, Z latent dims, S utterance dims, M mel bins."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from undertone.engine.audio.loudness import to_loudness
from undertone.engine.audio.mel import LogMel, normalise
from undertone.engine.audio.pitch import pitch, pitch_contour
from undertone.engine.audio.reading import CheckedPrompt
from undertone.engine.bundle import Bundle, BundleConfig
from undertone.engine.config import ModelConfig


@dataclass(frozen=True, eq=False)
class Speech:
    """Speech, analysed or generated, as the model reads it; every tensor lies on the CPU."""

    tokens: Tensor  # int64 [T]
    latents: Tensor  # float32 [T, Z], the posterior's mean, or as drawn; what a baseline has in their place
    latents_logstd: Tensor | None  # float32 [T, Z] of the posterior; None for drawn latents and for baselines
    utterance: Tensor  # float32 [S]
    mel: Tensor  # natural log, float32 [T, M]
    audio: Tensor  # float32 [samples] at 16 kHz
    seconds: float
    start_seconds: float = 0.0  # where in the recording it begins
    end_seconds: float | None = None  # and ends, None for what was not cut from a recording

    @property
    def num_frames(self) -> int:
        """Return T."""
        return self.tokens.shape[0]

    @property
    def audio_sha256(self) -> str:
        """Return the sha256 of the samples, hexadecimal."""
        return tensors_sha256(self.audio)

    @property
    def frames_sha256(self) -> str:
        """Return the sha256 of what a continuation reads: tokens, latents and the utterance embedding."""
        parts = [self.tokens, self.latents, self.utterance]
        if self.latents_logstd is not None:
            parts.append(self.latents_logstd)
        return tensors_sha256(*parts)


def analyse(bundle: Bundle, mel: LogMel, prompt: CheckedPrompt, device: torch.device) -> Speech:
    """Return a prompt as tokens, latents and the rest (spec sections 1 and 3)."""
    clean = levelled_prompt(bundle.config, prompt)
    hop = bundle.config.model.mel.hop_samples
    padded = torch.nn.functional.pad(clean, (0, -clean.numel() % hop)).to(device)  # whole frames, spec section 1.2
    config = bundle.config.model
    tokens = bundle.tokenizer.tokens(padded)
    if not config.has_tokens:
        tokens = torch.zeros_like(tokens)
    log_mel = mel(padded)
    frames = min(tokens.shape[0], log_mel.shape[0])  # HuBERT gives one frame less than the mel, spec section 1.4
    tokens, log_mel = tokens[:frames], log_mel[:frames]
    normalised = normalise(log_mel, mel.config)[None]
    posterior = bundle.model.posterior(normalised, pitch=pitch_input(config, padded, frames))
    utterance = bundle.model.utterance_embedding(normalised)
    return Speech(
        tokens=cpu_copy(tokens),
        latents=cpu_copy(posterior.mean[0]),
        latents_logstd=cpu_copy(posterior.logstd[0]) if config.has_latents else None,
        utterance=cpu_copy(utterance[0]),
        mel=cpu_copy(log_mel),
        audio=cpu_copy(clean),
        seconds=frames / bundle.config.model.mel.frame_rate_hz,
        start_seconds=prompt.start_seconds,
        end_seconds=prompt.end_seconds,
    )


def pitch_input(config: ModelConfig, waveform: Tensor, frames: int) -> Tensor | None:
    """Return the pitch of a waveform [samples] at 16 kHz as a model reads it, [1, frames]; None where it reads none."""
    if config.beside != "pitch":
        return None
    return pitch_contour(pitch(waveform.cpu()).hz)[None, :frames].to(waveform.device)


def levelled_prompt(config: BundleConfig, prompt: CheckedPrompt) -> Tensor:
    """Return the samples of a prompt, float32 [samples] at 16 kHz, at the loudness that the model was trained at."""
    if config.prompt_loudness_lufs is None:
        return prompt.samples
    return to_loudness(prompt.samples, config.model.mel.sample_rate_hz, config.prompt_loudness_lufs)


def tensors_sha256(*tensors: Tensor) -> str:
    """Return the sha256, hexadecimal, of the values of tensors."""
    total = hashlib.sha256()
    for tensor in tensors:
        total.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


def cpu_copy(tensor: Tensor) -> Tensor:
    """Copy a tensor to the CPU, outside of inference mode: whoever gets it may change it in place."""
    with torch.inference_mode(False):
        return tensor.to("cpu", copy=True)
