"""Samples of a model run: a held-out window and its reconstruction. T frames, M mel bins."""

import torch

from undertone.engine import Sampling
from undertone.engine.audio.mel import denormalise
from undertone.engine.config import GriffinLimConfig
from undertone.engine.generation.decode import decode_mel
from undertone.engine.network import VAEGSLM
from undertone.engine.noise import BatchNoise
from undertone.engine.vocoders import GriffinLim
from undertone.train.loop.metrics import Sample
from undertone.train.model.windows import Windows

SAMPLE_SEED = 3


@torch.no_grad()
def reconstruction_samples(network: VAEGSLM, windows: Windows) -> list[Sample]:
    """Return the first window as recorded, decoded from tokens and posterior means, and with any latents zeroed.

    Sound comes from Griffin-Lim, which needs no training: metallic, but its words are those of the mel.
    """
    config, device = network.config.mel, network.device
    frames = int(windows.lengths[0])
    mel, tokens = windows.mel[:1, :frames].to(device), windows.tokens[:1, :frames].to(device)
    utterance = network.utterance_embedding(windows.utterance_mel[:1].to(device), windows.utterance_lengths[:1])
    contour = None if windows.contour is None else windows.contour[:1, :frames].to(device)
    latents = network.posterior(mel, pitch=contour).mean
    generator = torch.Generator(device).manual_seed(SAMPLE_SEED)
    mels = {"real": mel}
    given_latents = {"reconstruction": latents}
    if network.config.has_latents:
        given_latents["latents zeroed"] = torch.zeros_like(latents)
    for name, given in given_latents.items():
        mels[name] = decode_mel(network, tokens, given, utterance, Sampling(), BatchNoise(device, generator))
    vocoder = GriffinLim(GriffinLimConfig(mel=config))
    samples = []
    for name, normalised in mels.items():
        log_mel = denormalise(normalised, config).float().cpu()
        samples.append(Sample(name, log_mel[0], vocoder(log_mel)[0], config.sample_rate_hz))
    return samples
