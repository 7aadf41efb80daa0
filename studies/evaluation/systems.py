"""The same words made in several ways, to see what each part of a bundle keeps and what the latents carry.

T frames at 50 Hz, Z latent dims.
"""

from collections.abc import Callable, Collection, Iterator

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


def render_systems(
    engine: Engine, speech: Speech, sampling: Sampling, seed: int, chosen: Collection[str] = tuple(SYSTEMS)
) -> Iterator[tuple[str, Tensor]]:
    """Yield (system, waveform float32 [samples]) for every chosen one but the recording, all aligned with it."""
    if "copy_synthesis" in chosen:
        yield "copy_synthesis", copy_synthesis(engine, speech)
    latents: dict[str, Callable[[], Tensor]] = {
        "reconstruction": lambda: speech.latents,
        "prior_latents": lambda: draw_latents(engine, speech.tokens, seed, sampling.latent_temperature)[0],
        "latents_mean": lambda: speech.latents.mean(0, keepdim=True).expand_as(speech.latents),
        "latents_zero": lambda: torch.zeros_like(speech.latents),
    }
    for system, values in latents.items():
        if system in chosen:
            yield system, engine.synthesise(speech.tokens, values(), speech.utterance, sampling, seed)


@torch.inference_mode()
def copy_synthesis(engine: Engine, speech: Speech) -> Tensor:
    """Vocode the recording's own mel: what no model in front of the vocoder can improve on."""
    audio: Tensor = engine.bundle.vocoder(speech.mel[None].to(engine.device))[0]
    return audio.float().cpu()
