"""The decoder that a configuration asks for."""

from undertone.engine.config import ModelConfig
from undertone.engine.network.decoder.diffusion import Diffusion
from undertone.engine.network.decoder.flow_matching import FlowMatching
from undertone.engine.network.decoder.regression import Regression

DECODERS = {"diffusion": Diffusion, "flow_matching": FlowMatching, "regression": Regression}


def build_decoder(config: ModelConfig) -> Diffusion:
    """Return the untrained decoder; all kinds have the same weights, conditions and calls."""
    return DECODERS[config.decoder.kind](config)
