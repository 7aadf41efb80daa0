"""A bundle of the published sizes with random weights: what is measured of its speed holds for the published one."""

import torch
from torch import nn

from undertone.engine.bundle import Bundle, BundleConfig
from undertone.engine.config import HiFiGANConfig, HubertConfig, ModelConfig
from undertone.engine.network import VAEGSLM
from undertone.engine.tokenizers import build_tokenizer
from undertone.engine.vocoders import build_vocoder


def published_size(device: torch.device | str = "cpu", seed: int = 0) -> Bundle:
    """Return model, HiFi-GAN and HuBERT-large in the sizes of the published system, in memory alone.

    It takes some 3 GB and says nothing that means anything.
    """
    config = BundleConfig(
        name="published-size",
        licence="none: random weights",
        model=ModelConfig(),
        vocoder=HiFiGANConfig(),
        tokenizer=HubertConfig(),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, vocoder = VAEGSLM(config.model), build_vocoder(config.vocoder)
        tokenizer = build_tokenizer(config.tokenizer)
    parts: list[nn.Module] = [model, vocoder, tokenizer]
    for part in parts:
        part.to(device).eval().requires_grad_(False)
    return Bundle(config, "random weights", model, vocoder, tokenizer)  # type: ignore[arg-type]
