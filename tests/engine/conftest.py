"""Fixtures of the engine's tests: a tiny bundle on disk, and a voice-like prompt."""

from pathlib import Path

import pytest
import torch

from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny tensors: a second thread only adds barriers, and with a busy neighbour they cost seconds."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="session")
def tiny_folder_with_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny-end", learned_end=True)


@pytest.fixture(scope="session")
def prompt() -> torch.Tensor:
    """2.5 s at 16 kHz: a buzz with changing pitch and loudness, and a little noise."""
    time = torch.arange(40_000) / 16_000
    phase = 2 * torch.pi * torch.cumsum(120 + 20 * torch.sin(5 * time), 0) / 16_000
    buzz = torch.stack([torch.sin(k * phase) / k for k in range(1, 20)]).sum(0)
    noise = torch.randn(time.shape, generator=torch.Generator().manual_seed(0))
    return 0.2 * buzz * (0.6 + 0.4 * torch.sin(2 * torch.pi * 3 * time)) + 0.005 * noise
