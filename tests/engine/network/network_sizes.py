"""Small networks of unlike sizes with random weights everywhere, for the tests of the network."""

import torch

from undertone.engine.config import (
    DecoderConfig,
    EncoderConfig,
    FlowConfig,
    ModelConfig,
    TransformerConfig,
    UtteranceConfig,
)
from undertone.engine.network import VAEGSLM

# heads, latent dims, kernel size, blocks of the decoder, skips
SIZES = {
    "three heads": (3, 2, 5, 4, (None, None, 1, 0)),
    "six heads": (6, 16, 9, 6, (None, None, None, 2, 1, 0)),
    "twelve heads": (12, 4, 7, 3, (None, None, 0)),
    "wide latents": (4, 6, 3, 2, (None, None)),
}


def sized_config(name: str) -> ModelConfig:
    """Configuration of one of the sizes."""
    heads, latent_dim, kernel_size, blocks, skips = SIZES[name]
    return ModelConfig(
        latent_dim=latent_dim,
        num_tokens=30,
        token_dim=10,
        encoder=EncoderConfig(channels=14, hidden_channels=(20, 24), kernel_size=kernel_size),
        transformer=TransformerConfig(dim=8 * heads, num_layers=2, num_heads=heads, feedforward_dim=40),
        flow=FlowConfig(num_layers=3, hidden_dim=9),
        utterance=UtteranceConfig(channels=(8, 10, 12), dim=7),
        decoder=DecoderConfig(
            channels=12,
            hidden_channels=(20,) * blocks,
            conditioned=tuple(0 < i < blocks - 1 for i in range(blocks)),
            skips=skips,
            first_anticausal_block=(blocks + 1) // 2,
            kernel_size=kernel_size,
            condition_dim=5,
            time_dim=16,
        ),
    )


def random_model(config: ModelConfig, seed: int = 0) -> VAEGSLM:
    """Every parameter random, norms and biases too."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = VAEGSLM(config)
        for name, parameter in model.named_parameters():
            if name.endswith(("norm.weight", "scale")):
                torch.nn.init.uniform_(parameter, 0.5, 1.5)
            elif name.endswith("bias"):
                torch.nn.init.uniform_(parameter, -0.3, 0.3)
    return model.eval()
