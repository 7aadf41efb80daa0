"""The network of which steps are compiled."""

import pytest
import torch

from tests.engine.network.network_sizes import random_model
from tests.tiny_bundle import tiny_model_config
from undertone.engine.network import VAEGSLM


@pytest.fixture(scope="module")
def model() -> VAEGSLM:
    network = random_model(tiny_model_config(learned_end=True), 0).eval().requires_grad_(False)
    for parameter in network.parameters():  # biases are zero and scales one before any training
        parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())))
    return network
