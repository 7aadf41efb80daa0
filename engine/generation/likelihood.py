"""Log-likelihood of speech under a bundle: of its tokens, of its latents, and how many frames they are.

T frames at 50 Hz, Z latent dims, R draws of the latents.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F

from undertone.engine.bundle import Bundle
from undertone.engine.errors import SettingsError
from undertone.engine.generation.speech import Speech
from undertone.engine.network import Gaussian
from undertone.engine.noise import SeededNoise

Stream = Literal["tokens", "latents", "both"]


@dataclass(frozen=True)
class SpeechLikelihood:
    """Log-likelihoods of a recording, nats, summed over its frames."""

    tokens: float
    latents: float | None  # bound of ln p, as in the training loss; None where nothing beside the token has a density
    num_frames: int

    def of(self, stream: Stream, per_frame: bool = False) -> float:
        """Return the sum, or the mean over frames, of one stream or of both.

        Raises:
            SettingsError: latents are asked for and the system has none with a density.
        """
        if stream != "tokens" and self.latents is None:
            raise SettingsError(
                f"the likelihood of {stream!r} was asked for, but this bundle has no density beside its tokens. "
                "Ask for 'tokens'."
            )
        total = (self.tokens if stream != "latents" else 0.0) + ((self.latents or 0.0) if stream != "tokens" else 0.0)
        return total / self.num_frames if per_frame else total


@torch.inference_mode()
def speech_likelihood(bundle: Bundle, speech: Speech, device: torch.device, seed: int, draws: int) -> SpeechLikelihood:
    """Return the likelihood of every frame given those before it, in one teacher-forced pass.

    The latents are drawn R times from their posterior and the results averaged. The end of the utterance is not scored.
    """
    model = bundle.model
    noise = SeededNoise(range(seed, seed + draws), device)
    tokens = speech.tokens[None].to(device).expand(draws, -1)
    latents = speech.latents[None].to(device).expand(draws, -1, -1)
    posterior = None
    if model.config.has_latents:
        if speech.latents_logstd is None:
            raise SettingsError("the latents were drawn, not analysed: they have no posterior. Analyse a recording.")
        posterior = Gaussian(latents, speech.latents_logstd[None].to(device).expand(draws, -1, -1))
        latents = posterior.sample(noise.normal(*latents.shape))
    prior, base, logdet = model.predict(tokens, latents, noise)
    token_sum = -F.cross_entropy(prior.logits.transpose(1, 2), tokens, reduction="none").sum(1)
    latent_sum = None
    if posterior is not None:
        log_p = prior.base.log_prob(base).sum(-1) + logdet.sum(-1)
        latent_sum = (log_p - posterior.negative_entropy().sum(-1)).sum(1)
    elif model.config.beside == "codes":
        nats = model.beside_error(prior, tokens, latents)
        latent_sum = None if nats is None else -nats.sum(1)
    return SpeechLikelihood(
        float(token_sum.mean()), None if latent_sum is None else float(latent_sum.mean()), speech.num_frames
    )
