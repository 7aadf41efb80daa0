"""The same words made in several ways, to see what each part of a bundle keeps and what the latents carry.

T frames at 50 Hz, Z latent dims.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from undertone.engine import Engine, Sampling, Speech
from undertone.engine.prosody import draw_latents

GROUND_TRUTH = "ground_truth"
SYSTEMS = {
    GROUND_TRUTH: "the recording itself",
    "copy_synthesis": "vocoder on the recording's mel",
    "reconstruction": "recording's tokens and latents (posterior mean)",
    "prior_latents": "recording's tokens, latents drawn from the prior",
    "latents_mean": "recording's tokens, latents held at the clip's mean",
    "latents_zero": "recording's tokens, latents zero",
}


def render_systems(engine: Engine, speech: Speech, sampling: Sampling, seed: int) -> Iterator[tuple[str, Tensor]]:
    """Yield (system, waveform float32 [samples]) for every system but the recording, all aligned with it."""
    yield "copy_synthesis", copy_synthesis(engine, speech)
    mean = speech.latents.mean(0, keepdim=True).expand_as(speech.latents)
    latents = {
        "reconstruction": speech.latents,
        "prior_latents": draw_latents(engine, speech.tokens, seed, sampling.latent_temperature)[0],
        "latents_mean": mean,
        "latents_zero": torch.zeros_like(speech.latents),
    }
    for system, values in latents.items():
        yield system, engine.synthesise(speech.tokens, values, speech.utterance, sampling, seed)


@torch.inference_mode()
def copy_synthesis(engine: Engine, speech: Speech) -> Tensor:
    """Vocode the recording's own mel: what no model in front of the vocoder can improve on."""
    audio: Tensor = engine.bundle.vocoder(speech.mel[None].to(engine.device))[0]
    return audio.float().cpu()
